#ifndef VOIDBOX_AGENT_HTTP_HTTP_TIMEOUTS_H_
#define VOIDBOX_AGENT_HTTP_HTTP_TIMEOUTS_H_

#include "absl/time/time.h"

namespace voidbox {

// How long a client may let us wait.
struct HttpTimeouts {
  absl::Duration idle = absl::Minutes(2);    // between two requests
  absl::Duration head = absl::Seconds(20);   // from a request's first byte to its empty line
  absl::Duration body = absl::Minutes(1);    // between two bytes of a body
  absl::Duration send = absl::Minutes(1);    // between two bytes that it takes
  absl::Duration probe = absl::Seconds(5);   // between two looks whether it is still there
  absl::Duration linger = absl::Seconds(2);  // for it to see the last answer, and close

  // What a connection waits for.
  enum class Wait { kNothing, kIdle, kHead, kBody, kSend, kProbe, kLinger };
  absl::Duration For(Wait wait) const {
    switch (wait) {
      case Wait::kNothing:
        break;
      case Wait::kIdle:
        return idle;
      case Wait::kHead:
        return head;
      case Wait::kBody:
        return body;
      case Wait::kSend:
        return send;
      case Wait::kProbe:
        return probe;
      case Wait::kLinger:
        return linger;
    }
    return absl::InfiniteDuration();
  }
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_HTTP_HTTP_TIMEOUTS_H_
