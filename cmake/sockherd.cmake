# The three kinds of things the tree is made of: a library a folder, a program, a unit test suite.

# What every file is compiled with. -Werror comes from the presets only, never for packagers.
add_library(sockherd_flags INTERFACE)
target_compile_options(sockherd_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor
  -Wno-missing-field-initializers)  # designated initialisers leave out what has its default
target_include_directories(sockherd_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
target_compile_definitions(sockherd_flags INTERFACE _GNU_SOURCE)
# A worker starts without libbpf, which only the supervisor calls.
target_link_options(sockherd_flags INTERFACE LINKER:--as-needed)

# sockherd_library(daemon/base [EXCEPTIONS] [LINK lib...]): all *.cc of a folder as one static library
# named after it (sockherd_daemon_base). Without EXCEPTIONS it is built with neither exceptions nor RTTI.
function(sockherd_library folder)
  cmake_parse_arguments(ARG "EXCEPTIONS" "" "LINK" ${ARGN})
  string(REPLACE "/" "_" name "sockherd_${folder}")
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.cc)
  file(GLOB mains ${PROJECT_SOURCE_DIR}/${folder}/*_main.cc)
  list(REMOVE_ITEM sources ${mains} "")
  if(sources)
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PUBLIC sockherd_flags ${ARG_LINK})
    if(NOT ARG_EXCEPTIONS)
      target_compile_options(${name} PRIVATE -fno-exceptions -fno-rtti)
    endif()
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE sockherd_flags ${ARG_LINK})
  endif()
endfunction()

# sockherd_bpf_program(target daemon/sys/bpf/name.bpf.c): compiles a program for the kernel, which the
# target gets as a libbpf skeleton, <name.skel.h>, with the program in it.
function(sockherd_bpf_program target source)
  find_program(BPF_CLANG clang REQUIRED)
  find_program(BPFTOOL bpftool PATHS /usr/sbin /sbin REQUIRED)
  get_filename_component(name ${source} NAME_WE)
  set(folder ${PROJECT_BINARY_DIR}/bpf)
  file(MAKE_DIRECTORY ${folder})
  # The architecture's folder holds asm/types.h on Debian. The path of the tree must not get into the program.
  add_custom_command(
    OUTPUT ${folder}/${name}.skel.h
    COMMAND ${BPF_CLANG} -target bpf -O2 -g -Wall -Werror
            -ffile-prefix-map=${PROJECT_SOURCE_DIR}=. -fdebug-compilation-dir=. -I/usr/include/${CMAKE_LIBRARY_ARCHITECTURE}
            -c ${PROJECT_SOURCE_DIR}/${source} -o ${folder}/${name}.o
    COMMAND ${BPFTOOL} gen skeleton ${folder}/${name}.o name ${name} > ${folder}/${name}.skel.h
    DEPENDS ${PROJECT_SOURCE_DIR}/${source}
    COMMENT "Compiling ${source} for the kernel"
    VERBATIM)
  target_sources(${target} PRIVATE ${folder}/${name}.skel.h)
  target_include_directories(${target} SYSTEM PRIVATE ${folder})
endfunction()

# sockherd_program(name main.cc [LINK lib...])
function(sockherd_program name main)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${main})
  target_link_libraries(${name} PRIVATE sockherd_flags ${ARG_LINK})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endfunction()

# sockherd_unit_tests(daemon/base [LINK lib...]): tests/unit/<folder>/*_test.cc as one program.
function(sockherd_unit_tests folder)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  string(REPLACE "/" "_" name "unit_${folder}")
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/unit/${folder}/*_test.cc)
  if(NOT sources)
    return()
  endif()
  string(REPLACE "/" "_" library "sockherd_${folder}")
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE ${library} ${ARG_LINK} GTest::gmock GTest::gtest_main)
  gtest_discover_tests(${name} PROPERTIES LABELS unit DISCOVERY_TIMEOUT 60)
endfunction()
