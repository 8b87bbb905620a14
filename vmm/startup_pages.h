#ifndef VOIDBOX_VMM_STARTUP_PAGES_H_
#define VOIDBOX_VMM_STARTUP_PAGES_H_

namespace voidbox {

// Unmaps the pages of the program's own code and constants. Those that are needed again come back
// from the page cache; those that only the start has used do not, and they are most.
void ReleaseStartupPages();

}  // namespace voidbox

#endif  // VOIDBOX_VMM_STARTUP_PAGES_H_
