#ifndef VOIDBOX_AGENT_FILES_UTF8_LOCALE_H_
#define VOIDBOX_AGENT_FILES_UTF8_LOCALE_H_

#include <locale.h>

namespace voidbox {

// libarchive takes names through the thread's locale, which must have UTF-8 for them to stay as
// they are. glibc has this one built in.
class Utf8Locale {
 public:
  Utf8Locale()
      : locale_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", locale_t{})),
        previous_(locale_ != locale_t{} ? ::uselocale(locale_) : locale_t{}) {}
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;
  ~Utf8Locale() {
    if (locale_ == locale_t{}) return;
    ::uselocale(previous_);
    ::freelocale(locale_);
  }

 private:
  const locale_t locale_;
  const locale_t previous_;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_FILES_UTF8_LOCALE_H_
