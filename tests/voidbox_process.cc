#include "tests/voidbox_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <utility>

#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

std::pair<UniqueFd, UniqueFd> NewPipe() {
  int fds[2];
  EXPECT_EQ(::pipe2(fds, O_CLOEXEC), 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

}  // namespace

std::string VoidboxPath() {
  const char* sources = std::getenv("TEST_SRCDIR");
  return std::string(sources == nullptr ? "." : sources) + "/voidbox/tools/voidbox";
}

VoidboxProcess::VoidboxProcess(const std::vector<std::string>& arguments, const std::string& input,
                               bool close_input) {
  ::signal(SIGPIPE, SIG_IGN);
  auto [input_read, input_write] = NewPipe();
  auto [output_read, output_write] = NewPipe();
  auto [error_read, error_write] = NewPipe();
  SpawnOptions spawn;
  spawn.argv = arguments;
  spawn.argv.insert(spawn.argv.begin(), VoidboxPath());
  spawn.descriptors = {{input_read.get(), 0}, {output_write.get(), 1}, {error_write.get(), 2}};
  auto child = ChildProcess::Spawn(spawn);
  EXPECT_THAT(child, IsOk());
  if (!child.ok()) return;
  child_ = *std::move(child);
  input_ = std::move(input_write);
  output_ = std::move(output_read);
  error_ = std::move(error_read);
  output_reader_ = std::thread([this] { Read(output_.get(), &output_text_); });
  error_reader_ = std::thread([this] { Read(error_.get(), &error_text_); });
  writer_ = std::thread([this, input, close_input] {
    static_cast<void>(WriteAll(input_.get(), input));  // it may end without reading
    if (close_input) input_.Reset();
  });
}

VoidboxProcess::~VoidboxProcess() {
  if (writer_.joinable()) Finish();
}

void VoidboxProcess::Read(int fd, std::string* text) {
  std::string bytes(64 << 10, '\0');
  for (;;) {
    const ssize_t got = ::read(fd, bytes.data(), bytes.size());
    MutexLock lock(mutex_);
    if (got <= 0 || (output_closed_ && text == &output_text_)) {
      (text == &output_text_ ? output_ended_ : error_ended_) = true;
      changed_.NotifyAll();
      return;
    }
    text->append(bytes.data(), static_cast<size_t>(got));
    changed_.NotifyAll();
  }
}

void VoidboxProcess::WriteInput(const std::string& bytes) {
  EXPECT_THAT(WriteAll(input_.get(), bytes), IsOk());
}

void VoidboxProcess::CloseOutput() {
  {
    MutexLock lock(mutex_);
    output_closed_ = true;
  }
  output_reader_.join();  // at the next bytes, or the end
  output_.Reset();
}

bool VoidboxProcess::WaitForOutput(const std::string& text) {
  MutexLock lock(mutex_);
  while (output_text_.find(text) == std::string::npos && !output_ended_) changed_.Wait(mutex_);
  return output_text_.find(text) != std::string::npos;
}

bool VoidboxProcess::WaitForError(const std::string& text) {
  MutexLock lock(mutex_);
  while (error_text_.find(text) == std::string::npos && !error_ended_) changed_.Wait(mutex_);
  return error_text_.find(text) != std::string::npos;
}

VoidboxProcess::Result VoidboxProcess::Finish() {
  Result result;
  writer_.join();
  const auto status = child_.Wait();
  EXPECT_THAT(status, IsOk());
  if (status.ok()) {
    result.exit_status = WIFEXITED(*status) ? WEXITSTATUS(*status) : 128 + WTERMSIG(*status);
  }
  input_.Reset();
  if (output_reader_.joinable()) output_reader_.join();
  error_reader_.join();
  MutexLock lock(mutex_);
  result.output = output_text_;
  result.error = error_text_;
  return result;
}

VoidboxProcess::Result RunVoidbox(const std::vector<std::string>& arguments,
                                  const std::string& input) {
  return VoidboxProcess(arguments, input).Finish();
}

std::string UseOwnHome() {
  std::string home = ::testing::TempDir() + "/home";
  std::filesystem::create_directories(home);
  ::setenv("VOIDBOX_HOME", home.c_str(), 1);
  ::setenv("VOIDBOX_HOST_IDLE", "300", 1);  // should this test be killed
  return home;
}

void StopOwnHost() {
  const VoidboxProcess::Result stop = RunVoidbox({"host", "stop"});
  EXPECT_EQ(stop.exit_status, 0) << stop.error;
}

}  // namespace voidbox
