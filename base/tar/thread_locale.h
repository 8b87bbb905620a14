#ifndef VOIDBOX_BASE_TAR_THREAD_LOCALE_H_
#define VOIDBOX_BASE_TAR_THREAD_LOCALE_H_

#include <locale.h>

namespace voidbox {

// This thread's LC_CTYPE while it lives. libarchive takes names through it:
// - Written in "C.UTF-8", names that are UTF-8 stay as they are; of others it warns, and writes
//   their bytes all the same (pax's hdrcharset=BINARY).
// - Read in "C", every name stays as it is, with a warning for each that is not ASCII. Read in a
//   UTF-8 locale, it would be normalised (NFC): another name, and perhaps that of another file.
// glibc has both built in.
class ThreadLocale {
 public:
  explicit ThreadLocale(const char* name)
      : locale_(::newlocale(LC_CTYPE_MASK, name, locale_t{})),
        previous_(locale_ != locale_t{} ? ::uselocale(locale_) : locale_t{}) {}
  ThreadLocale(const ThreadLocale&) = delete;
  ThreadLocale& operator=(const ThreadLocale&) = delete;
  ~ThreadLocale() {
    if (locale_ == locale_t{}) return;
    ::uselocale(previous_);
    ::freelocale(locale_);
  }

 private:
  const locale_t locale_;
  const locale_t previous_;
};

}  // namespace voidbox

#endif  // VOIDBOX_BASE_TAR_THREAD_LOCALE_H_
