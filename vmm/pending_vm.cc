#include "vmm/pending_vm.h"

#include <utility>

#include "base/status_macros.h"
#include "vmm/arch/x86_64/layout.h"

namespace voidbox {
namespace {

absl::StatusOr<PendingVm::Result> OpenAndCreate() {
  ASSIGN_OR_RETURN(Kvm kvm, Kvm::Open());
  ASSIGN_OR_RETURN(KvmVm vm, kvm.CreateVm());
  RETURN_IF_ERROR(vm.SetTssAddress(layout::kTss));
  RETURN_IF_ERROR(vm.CreateIrqChip());
  RETURN_IF_ERROR(vm.CreatePit());
  return PendingVm::Result{std::move(kvm), std::move(vm)};
}

}  // namespace

void PendingVm::Create() { result_ = OpenAndCreate(); }

absl::StatusOr<PendingVm::Result> PendingVm::Take() {
  thread_.join();
  return *std::move(result_);
}

}  // namespace voidbox
