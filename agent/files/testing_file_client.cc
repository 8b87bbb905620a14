#include "agent/files/testing_file_client.h"

#include <gtest/gtest.h>

#include <utility>

#include "agent/error_frame.h"
#include "base/frame.h"
#include "base/status_matchers.h"

namespace voidbox {

agent::ServerFrame TestingFileClient::Receive(int stream) {
  agent::ServerFrame frame;
  EXPECT_THAT(ReadFrame(stream, frame), IsOk());
  return frame;
}

void TestingFileClient::SendData(int stream, absl::string_view data) {
  agent::ClientFrame frame;
  frame.set_data(std::string(data));
  // Who was refused finds the reason in what it receives.
  static_cast<void>(WriteFrame(stream, frame));
}

void TestingFileClient::EndData(int stream) {
  agent::ClientFrame frame;
  frame.mutable_end_data();
  static_cast<void>(WriteFrame(stream, frame));
}

TestingFileClient::Reply TestingFileClient::Finish(int stream) {
  Reply reply;
  for (;;) {
    agent::ServerFrame frame;
    const absl::Status status = ReadFrame(stream, frame);
    if (!status.ok()) {
      if (!absl::IsOutOfRange(status)) reply.end = std::string(status.message());
      return reply;
    }
    EXPECT_FALSE(reply.has_done || !reply.status.ok()) << "a frame after the last one";
    reply.data += frame.data();
    reply.has_ready |= frame.has_transfer_ready();
    if (frame.has_error()) reply.status = ErrorStatus(frame.error());
    if (frame.has_transfer_done()) reply.done = frame.transfer_done();
    if (frame.has_transfer_done()) reply.has_done = true;
    for (const agent::FileInfo& file : frame.file().files()) reply.files.push_back(file);
  }
}

UniqueFd TestingFileClient::Start(const agent::Request& request) const {
  UniqueFd stream = connect_();
  EXPECT_THAT(WriteFrame(stream.get(), request), IsOk());
  return stream;
}

TestingFileClient::Reply TestingFileClient::Run(const agent::Request& request) const {
  const UniqueFd stream = Start(request);
  return Finish(stream.get());
}

TestingFileClient::Reply TestingFileClient::RunWithData(const agent::Request& request,
                                                        absl::string_view data,
                                                        size_t piece) const {
  const UniqueFd stream = Start(request);
  const agent::ServerFrame first = Receive(stream.get());
  if (first.has_error()) {
    Reply reply = Finish(stream.get());
    reply.status = ErrorStatus(first.error());
    return reply;
  }
  EXPECT_TRUE(first.has_transfer_ready()) << first.ShortDebugString();
  while (!data.empty()) {
    SendData(stream.get(), data.substr(0, piece));
    data.remove_prefix(std::min(piece, data.size()));
  }
  EndData(stream.get());
  Reply reply = Finish(stream.get());
  reply.has_ready = true;
  return reply;
}

TestingFileClient::Reply TestingFileClient::Stat(const std::string& path) const {
  agent::Request request;
  request.mutable_file()->mutable_stat()->set_path(path);
  return Run(request);
}

TestingFileClient::Reply TestingFileClient::List(const std::string& path) const {
  agent::Request request;
  request.mutable_file()->mutable_list()->set_path(path);
  return Run(request);
}

TestingFileClient::Reply TestingFileClient::MakeDirectory(const std::string& path, bool parents,
                                                          uint32_t mode) const {
  agent::Request request;
  agent::MakeDirectory& make = *request.mutable_file()->mutable_make_directory();
  make.set_path(path);
  make.set_parents(parents);
  make.set_mode(mode);
  return Run(request);
}

TestingFileClient::Reply TestingFileClient::Rename(const std::string& from,
                                                   const std::string& to) const {
  agent::Request request;
  request.mutable_file()->mutable_rename()->set_from(from);
  request.mutable_file()->mutable_rename()->set_to(to);
  return Run(request);
}

TestingFileClient::Reply TestingFileClient::Remove(const std::string& path, bool recursive) const {
  agent::Request request;
  request.mutable_file()->mutable_remove()->set_path(path);
  request.mutable_file()->mutable_remove()->set_recursive(recursive);
  return Run(request);
}

TestingFileClient::Reply TestingFileClient::Read(const std::string& path, uint64_t offset,
                                                 uint64_t length) const {
  agent::Request request;
  agent::ReadFile& read = *request.mutable_file()->mutable_read();
  read.set_path(path);
  read.set_offset(offset);
  read.set_length(length);
  return Run(request);
}

TestingFileClient::Reply TestingFileClient::Write(const std::string& path,
                                                  absl::string_view data) const {
  agent::Request request;
  request.mutable_file()->mutable_write()->set_path(path);
  return RunWithData(request, data);
}

TestingFileClient::Reply TestingFileClient::Upload(const std::string& destination,
                                                   absl::string_view archive,
                                                   agent::Compression compression,
                                                   uint64_t max_bytes) const {
  agent::Request request;
  request.mutable_upload()->set_destination(destination);
  request.mutable_upload()->set_compression(compression);
  request.mutable_upload()->set_max_bytes(max_bytes);
  return RunWithData(request, archive);
}

TestingFileClient::Reply TestingFileClient::Download(const std::string& path,
                                                     agent::Compression compression,
                                                     bool contents_only) const {
  agent::Request request;
  request.mutable_download()->set_path(path);
  request.mutable_download()->set_compression(compression);
  request.mutable_download()->set_contents_only(contents_only);
  return Run(request);
}

}  // namespace voidbox
