// Options set outside of the file are put into its tree, so that they pass the same checks. Pure.
#pragma once

#include "daemon/config/document.h"
#include "daemon/config/load.h"

namespace sockherd::config {

// Sets the key in `root`, over what stands there; missing tables on the way are made.
void apply(const Override& setting, Node& root);

}  // namespace sockherd::config
