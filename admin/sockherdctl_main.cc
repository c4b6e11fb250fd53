// sockherdctl: watch and steer sockherd from the command line.
#include "admin/ctl/command_line.h"

int main(int argc, char** argv) {
  return sockherd::ctl::run(argc, argv);
}
