# The three kinds of things the tree is made of: a library a folder, a program, a unit test suite.

# What every file is compiled with. -Werror comes from the presets only, never for packagers.
add_library(sockherd_flags INTERFACE)
target_compile_options(sockherd_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor
  -Wno-missing-field-initializers)  # designated initialisers leave out what has its default
target_include_directories(sockherd_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
target_compile_definitions(sockherd_flags INTERFACE _GNU_SOURCE)

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
