#include "agent/http/transfer_exchange.h"

namespace voidbox {
namespace {

constexpr absl::string_view kGzipType = "application/gzip";

}  // namespace

void UploadExchange::Begin() {
  agent::Request request;
  request.mutable_upload()->set_destination(destination_);
  request.mutable_upload()->set_compression(agent::GZIP);
  Call(request);
}

void UploadExchange::OnBody(absl::string_view piece) {
  agent::ClientFrame frame;
  frame.set_data(std::string(piece));
  Send(frame);
}

void UploadExchange::OnBodyEnd() {
  agent::ClientFrame frame;
  frame.mutable_end_data();
  Send(frame);
}

void UploadExchange::OnFrame(const agent::ServerFrame& frame) {
  if (frame.has_transfer_ready()) {
    ready_ = true;
  } else if (frame.has_transfer_done()) {
    const agent::TransferDone& done = frame.transfer_done();
    responder_.Respond(200, kJsonType, ToText({{"files", done.files()}, {"bytes", done.bytes()}}));
  } else {
    OnFailure(absl::InternalError("an answer that is not expected"));
  }
}

void UploadExchange::OnFailure(const absl::Status& status) {
  HttpError error = HttpErrorOf(status);
  // Once it takes data, what is exhausted is not the number of calls.
  if (absl::IsResourceExhausted(status) && ready_) {
    error.status = 413;
    error.code = "content_too_large";
    error.remediation = "send less, or in parts; nothing of it was kept";
  }
  responder_.RespondError(error);
}

void DownloadExchange::OnBodyEnd() {
  agent::Request request;
  request.mutable_download()->set_path(path_);
  request.mutable_download()->set_compression(agent::GZIP);
  Call(request);
}

// Not before there are data: until then what fails is an error response.
void DownloadExchange::StartOnce() {
  if (started_) return;
  started_ = true;
  responder_.StartStream(kGzipType);
}

void DownloadExchange::OnFrame(const agent::ServerFrame& frame) {
  if (frame.has_transfer_ready()) return;
  if (frame.has_data()) {
    StartOnce();
    responder_.Write(frame.data());
  } else if (frame.has_transfer_done()) {
    StartOnce();
    responder_.FinishStream();
  } else {
    OnFailure(absl::InternalError("an answer that is not expected"));
  }
}

}  // namespace voidbox
