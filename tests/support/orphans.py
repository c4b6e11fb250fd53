"""No test process outlives its test, also when that is killed by a time-out of ctest."""
import ctypes

PR_SET_PDEATHSIG = 1


def die_with_parent(number):
    """prctl(2): the kernel sends the signal to this process when its parent ends. Survives exec."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
