#ifndef VOIDBOX_TESTS_VOIDBOX_PROCESS_H_
#define VOIDBOX_TESTS_VOIDBOX_PROCESS_H_

#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/unique_fd.h"
#include "sandbox/child_process.h"

namespace voidbox {

// A `voidbox` that a test runs, with its streams. Failures to start it fail the test.
class VoidboxProcess {
 public:
  struct Result {
    int exit_status = -1;  // 128+N when a signal ended it
    std::string output;
    std::string error;
  };

  explicit VoidboxProcess(const std::vector<std::string>& arguments, const std::string& input = "",
                          bool close_input = true);
  ~VoidboxProcess();

  void Signal(int number) { child_.Signal(number); }
  pid_t pid() const { return child_.pid(); }
  void WriteInput(const std::string& bytes);
  // Its next write to its output fails.
  void CloseOutput();
  // Waits until the output contains `text`; false when it ends without.
  bool WaitForOutput(const std::string& text);
  bool WaitForError(const std::string& text);
  // Waits for the end.
  Result Finish();

 private:
  void Read(int fd, std::string* text);

  ChildProcess child_;
  UniqueFd input_, output_, error_;
  std::thread writer_, output_reader_, error_reader_;
  Mutex mutex_;
  CondVar changed_;
  std::string output_text_ ABSL_GUARDED_BY(mutex_);
  std::string error_text_ ABSL_GUARDED_BY(mutex_);
  bool output_closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool output_ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool error_ended_ ABSL_GUARDED_BY(mutex_) = false;
};

// The program's, in the runfiles.
std::string VoidboxPath();

// Runs it to its end.
VoidboxProcess::Result RunVoidbox(const std::vector<std::string>& arguments,
                                  const std::string& input = "");

// Gives every voidbox that this test runs a $VOIDBOX_HOME of the test's own, and returns it.
std::string UseOwnHome();
// Ends the emulated host of that home, if there is one.
void StopOwnHost();

}  // namespace voidbox

#endif  // VOIDBOX_TESTS_VOIDBOX_PROCESS_H_
