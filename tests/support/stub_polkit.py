#!/usr/bin/env python3
"""A stub of polkit: takes its name on the system bus and answers everybody the same.

    stub_polkit.py yes|no|challenge|never

Prints "ready", then a line for each question: ACTION FLAGS DETAIL=VALUE... By libsystemd through ctypes,
which is there wherever sockherd is.
"""
import ctypes
import sys

SD = ctypes.CDLL("libsystemd.so.0")
HANDLER = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
ANSWERS = {"yes": (1, 0), "no": (0, 0), "challenge": (0, 1), "never": None}


def check(result):
    """Errors of sd-bus end the stub."""
    if result < 0:
        sys.exit(f"stub_polkit: error {-result}")
    return result


def enter(message, kind, contents):
    return check(SD.sd_bus_message_enter_container(ctypes.c_void_p(message), ctypes.c_char(kind), contents))


def leave(message):
    check(SD.sd_bus_message_exit_container(ctypes.c_void_p(message)))


def text(message):
    value = ctypes.c_char_p()
    check(SD.sd_bus_message_read_basic(ctypes.c_void_p(message), ctypes.c_char(b"s"), ctypes.byref(value)))
    return value.value.decode()


def question(message):
    """(sa{sv})sa{ss}us as a line."""
    check(SD.sd_bus_message_skip(ctypes.c_void_p(message), b"(sa{sv})"))
    action, details = text(message), []
    enter(message, b"a", b"{ss}")
    while enter(message, b"e", b"ss"):
        details.append(f"{text(message)}={text(message)}")
        leave(message)
    leave(message)
    flags = ctypes.c_uint32()
    check(SD.sd_bus_message_read_basic(ctypes.c_void_p(message), ctypes.c_char(b"u"), ctypes.byref(flags)))
    return " ".join([action, str(flags.value), *details])


def main(answer):
    @HANDLER
    def on_message(message, _userdata, _error):
        SD.sd_bus_message_get_member.restype = ctypes.c_char_p
        if SD.sd_bus_message_get_member(ctypes.c_void_p(message)) != b"CheckAuthorization":
            return 0
        print(question(message), flush=True)
        if ANSWERS[answer] is not None:
            check(SD.sd_bus_reply_method_return(ctypes.c_void_p(message), b"(bba{ss})",
                                                *map(ctypes.c_int, ANSWERS[answer]), ctypes.c_uint(0)))
        return 1

    bus = ctypes.c_void_p()
    check(SD.sd_bus_open_system(ctypes.byref(bus)))
    check(SD.sd_bus_add_object(bus, None, b"/org/freedesktop/PolicyKit1/Authority", on_message, None))
    check(SD.sd_bus_request_name(bus, b"org.freedesktop.PolicyKit1", ctypes.c_uint64(0)))
    print("ready", flush=True)
    while True:
        if check(SD.sd_bus_process(bus, None)) == 0:
            check(SD.sd_bus_wait(bus, ctypes.c_uint64(2**64 - 1)))


if __name__ == "__main__":
    main(sys.argv[1])
