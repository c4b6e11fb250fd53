# sockherd_add_module(name source...): an application module, name.so. In this tree and, installed with
# the header, for everybody (sockherdConfig.cmake includes it).
function(sockherd_add_module name)
  add_library(${name} MODULE ${ARGN})
  target_link_libraries(${name} PRIVATE sockherd::app)
  target_compile_features(${name} PRIVATE cxx_std_20)
  # Only the symbol that sockherd looks for is to be seen, so that modules do not meet.
  set_target_properties(${name} PROPERTIES PREFIX "" CXX_VISIBILITY_PRESET hidden
                        VISIBILITY_INLINES_HIDDEN ON)
endfunction()
