#ifndef VOIDBOX_AGENT_HTTP_HTTP_SERVICES_H_
#define VOIDBOX_AGENT_HTTP_HTTP_SERVICES_H_

#include <cstddef>
#include <cstdint>
#include <functional>

#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace voidbox {

// Bytes that all exchanges together may hold. Belongs to one thread.
class ByteBudget {
 public:
  explicit ByteBudget(size_t bytes) : left_(bytes) {}
  // A part of it while it lives.
  class Share {
   public:
    explicit Share(ByteBudget& budget) : budget_(budget) {}
    ~Share() { budget_.left_ += taken_; }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;
    // False, and nothing is taken, when there is not so much left.
    bool Take(size_t bytes) {
      if (bytes > budget_.left_) return false;
      budget_.left_ -= bytes;
      taken_ += bytes;
      return true;
    }

   private:
    ByteBudget& budget_;
    size_t taken_ = 0;
  };

 private:
  size_t left_;
};

struct HttpLimits {
  // Of a JSON body; a Request of the protobuf face is as long at most.
  size_t json_bytes = 1 << 20;
  // Each of stdout and stderr in an answer that is not streamed; what comes after is cut.
  size_t output_bytes = 1 << 20;
  // Of the compressed body of an upload.
  uint64_t upload_bytes = uint64_t{4} << 30;
  // JSON bodies and outputs of all exchanges together: a quarter of a small guest's memory at most,
  // with the answers that are made of them.
  size_t buffered_bytes = 16 << 20;
};

// What exchanges use; outlives them.
struct HttpServices {
  EventLoop& loop;
  // Serves the agent's end of a call's stream (agent.proto).
  std::function<void(UniqueFd stream)> serve_call;
  const HttpLimits limits;
  ByteBudget budget;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_HTTP_HTTP_SERVICES_H_
