// The project's only two macros.
#ifndef VOIDBOX_BASE_STATUS_MACROS_H_
#define VOIDBOX_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns the status of `expression` from the enclosing function unless it is OK.
#define RETURN_IF_ERROR(expression)                                                 \
  do {                                                                              \
    if (absl::Status returned_if_error_ = (expression); !returned_if_error_.ok()) { \
      return returned_if_error_;                                                    \
    }                                                                               \
  } while (false)

// Assigns the value of a StatusOr to `target` (which may be a declaration), or returns its status.
#define ASSIGN_OR_RETURN(target, expression) \
  VOIDBOX_ASSIGN_OR_RETURN_(VOIDBOX_CONCAT_(result_, __LINE__), target, expression)

#define VOIDBOX_CONCAT_INNER_(a, b) a##b
#define VOIDBOX_CONCAT_(a, b) VOIDBOX_CONCAT_INNER_(a, b)
#define VOIDBOX_ASSIGN_OR_RETURN_(result, target, expression) \
  auto result = (expression);                                 \
  if (!result.ok()) return std::move(result).status();        \
  target = *std::move(result)

#endif  // VOIDBOX_BASE_STATUS_MACROS_H_
