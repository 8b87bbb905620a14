#include "tools/cli/doctor_command.h"

#include "tools/cli/doctor.h"

namespace voidbox {

FlagParser DoctorCommand::AddTo(FlagParser app) {
  const FlagParser doctor =
      app.AddCommand("doctor", "Say what this machine can do, and what to do about the rest");
  AddFormat(doctor, format_);
  return doctor;
}

int DoctorCommand::Run(const Invocation& invocation) {
  return Doctor(invocation.installation, format_ == "json");
}

}  // namespace voidbox
