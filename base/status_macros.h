// Early return on error.
//   ESPY_RETURN_IF_ERROR(WriteRow(row));
//   ESPY_ASSIGN_OR_RETURN(auto bytes, env->ReadFile(path, limit));
#ifndef ESPY_BASE_STATUS_MACROS_H_
#define ESPY_BASE_STATUS_MACROS_H_

#include "espy/status.h"

#define ESPY_RETURN_IF_ERROR(expression)                                                     \
  do {                                                                                       \
    if (::espy::Status espy_status_ = (expression); !espy_status_.ok()) return espy_status_; \
  } while (false)

#define ESPY_CONCAT_INNER_(a, b) a##b
#define ESPY_CONCAT_(a, b) ESPY_CONCAT_INNER_(a, b)
#define ESPY_ASSIGN_OR_RETURN(declaration, expression) \
  ESPY_ASSIGN_OR_RETURN_(ESPY_CONCAT_(espy_result_, __LINE__), declaration, expression)
#define ESPY_ASSIGN_OR_RETURN_(result, declaration, expression) \
  auto result = (expression);                                   \
  if (!result.ok()) return result.status();                     \
  declaration = std::move(result).value()

#endif  // ESPY_BASE_STATUS_MACROS_H_
