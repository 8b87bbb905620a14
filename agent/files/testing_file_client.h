#ifndef VOIDBOX_AGENT_FILES_TESTING_FILE_CLIENT_H_
#define VOIDBOX_AGENT_FILES_TESTING_FILE_CLIENT_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "agent/agent.pb.h"
#include "base/unique_fd.h"

namespace voidbox {

// The host's side of the calls of files, blocking, for tests.
class TestingFileClient {
 public:
  // Gives a new stream to the agent.
  using Connect = std::function<UniqueFd()>;
  explicit TestingFileClient(Connect connect) : connect_(std::move(connect)) {}

  // What a call said until its stream ended.
  struct Reply {
    absl::Status status;  // of its Error frame; OK without one
    std::vector<agent::FileInfo> files;
    std::string data;
    agent::TransferDone done;
    bool has_done = false;   // or a FileReply that is the last
    bool has_ready = false;  // TransferReady came
    std::string end;         // of the stream, empty when it ended between frames
    const agent::FileInfo& file() const { return files.at(0); }
  };

  // A call that the host says nothing in but the request.
  Reply Run(const agent::Request& request) const;
  // Once the agent is ready, sends `data` in pieces, and their end.
  Reply RunWithData(const agent::Request& request, absl::string_view data,
                    size_t piece = 256 << 10) const;
  // A call that the caller goes on with.
  UniqueFd Start(const agent::Request& request) const;

  Reply Stat(const std::string& path) const;
  Reply List(const std::string& path) const;
  Reply MakeDirectory(const std::string& path, bool parents = false, uint32_t mode = 0) const;
  Reply Rename(const std::string& from, const std::string& to) const;
  Reply Remove(const std::string& path, bool recursive = false) const;
  Reply Read(const std::string& path, uint64_t offset = 0, uint64_t length = 0) const;
  Reply Write(const std::string& path, absl::string_view data) const;
  Reply Upload(const std::string& destination, absl::string_view archive,
               agent::Compression compression = agent::COMPRESSION_NONE,
               uint64_t max_bytes = 0) const;
  Reply Download(const std::string& path, agent::Compression compression = agent::COMPRESSION_NONE,
                 bool contents_only = false) const;

  // Takes frames until the stream ends.
  static Reply Finish(int stream);
  static void SendData(int stream, absl::string_view data);
  static void EndData(int stream);
  // The next frame, which must come.
  static agent::ServerFrame Receive(int stream);

 private:
  Connect connect_;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_FILES_TESTING_FILE_CLIENT_H_
