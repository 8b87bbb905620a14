#ifndef VOIDBOX_AGENT_HTTP_TRANSFER_EXCHANGE_H_
#define VOIDBOX_AGENT_HTTP_TRANSFER_EXCHANGE_H_

#include <string>
#include <utility>

#include "agent/http/call_exchange.h"

namespace voidbox {

// POST /files/upload?dest=: the body is a tar.gz, passed on as it comes.
class UploadExchange final : public CallExchange {
 public:
  UploadExchange(HttpServices& services, Responder& responder, std::string destination)
      : CallExchange(services, responder), destination_(std::move(destination)) {}

  uint64_t MaxBodyBytes() const override { return services_.limits.upload_bytes; }
  void Begin() override;
  bool WantsBody() const override { return ready_ && CallHasRoom(); }
  void OnBody(absl::string_view piece) override;
  void OnBodyEnd() override;

 private:
  void OnFrame(const agent::ServerFrame& frame) override;
  void OnFailure(const absl::Status& status) override;

  const std::string destination_;
  bool ready_ = false;  // the worker takes data
};

// GET /files/download?path=: a tar.gz, as it is made.
class DownloadExchange final : public CallExchange {
 public:
  DownloadExchange(HttpServices& services, Responder& responder, std::string path)
      : CallExchange(services, responder), path_(std::move(path)) {}

  uint64_t MaxBodyBytes() const override { return 0; }
  void OnBody(absl::string_view /*piece*/) override {}
  void OnBodyEnd() override;

 private:
  void OnFrame(const agent::ServerFrame& frame) override;
  void StartOnce();

  const std::string path_;
  bool started_ = false;  // the response
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_HTTP_TRANSFER_EXCHANGE_H_
