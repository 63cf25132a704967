#include "ldb/status.hpp"

#include <cstdio>

#include "base/check.hpp"

namespace ldb {
namespace {

struct CodeInfo {
  std::string_view name;
  std::string_view sqlstate;
};

CodeInfo info(StatusCode code) {
  switch (code) {
    case StatusCode::kOk:
      return {"ok", "00000"};
    case StatusCode::kNotFound:
      return {"not_found", "42704"};
    case StatusCode::kAlreadyExists:
      return {"already_exists", "42710"};
    case StatusCode::kInvalidArgument:
      return {"invalid_argument", "22023"};
    case StatusCode::kUnsupported:
      return {"unsupported", "0A000"};
    case StatusCode::kConflict:
      return {"conflict", "40001"};
    case StatusCode::kConstraint:
      return {"constraint", "23000"};
    case StatusCode::kCorruption:
      return {"corruption", "XX001"};
    case StatusCode::kIoError:
      return {"io_error", "58030"};
    case StatusCode::kNoSpace:
      return {"no_space", "53100"};
    case StatusCode::kResourceExhausted:
      return {"resource_exhausted", "53000"};
    case StatusCode::kTimeout:
      return {"timeout", "57014"};
    case StatusCode::kUnavailable:
      return {"unavailable", "57P03"};
    case StatusCode::kOutcomeUnknown:
      return {"outcome_unknown", "08007"};
    case StatusCode::kAborted:
      return {"aborted", "25P02"};
    case StatusCode::kInternal:
      return {"internal", "XX000"};
  }
  return {"unknown", "XX000"};
}

}  // namespace

std::string_view to_string(StatusCode code) { return info(code).name; }

Status::Status(StatusCode code, std::string message) {
  if (code != StatusCode::kOk) state_ = std::make_shared<const State>(State{code, std::string(), std::move(message), {}, 0});
}

Status Status::sql(StatusCode code, std::string_view sqlstate, std::string message, std::size_t position) {
  Status status;
  status.state_ = std::make_shared<const State>(State{code, std::string(sqlstate), std::move(message), {}, position});
  return status;
}

std::string_view Status::sqlstate() const {
  if (!state_) return "00000";
  return state_->sqlstate.empty() ? info(state_->code).sqlstate : std::string_view(state_->sqlstate);
}

Status Status::with_context(std::string_view context) const {
  if (!state_) return *this;
  State copy = *state_;
  copy.message = std::string(context) + ": " + copy.message;
  Status status;
  status.state_ = std::make_shared<const State>(std::move(copy));
  return status;
}

Status Status::with_detail(std::string detail) const {
  if (!state_) return *this;
  State copy = *state_;
  copy.detail = std::move(detail);
  Status status;
  status.state_ = std::make_shared<const State>(std::move(copy));
  return status;
}

Status Status::with_position(std::size_t position) const {
  if (!state_) return *this;
  State copy = *state_;
  copy.position = position;
  Status status;
  status.state_ = std::make_shared<const State>(std::move(copy));
  return status;
}

std::string Status::to_string() const {
  if (!state_) return "ok";
  return std::string(info(state_->code).name) + ": " + state_->message;
}

#if defined(LDB_SIM)
namespace sim {
void describe_run(std::string& text);  // base/sim/inspect.cpp
}
#endif

namespace internal {
namespace {

[[noreturn]] void abort_with(std::string text) {
#if defined(LDB_SIM)
  sim::describe_run(text);
#endif
  std::fputs(text.c_str(), stderr);
  std::abort();
}

}  // namespace

void bad_result_access(const Status& status) {
  abort_with("ldb: value() of a Result that holds no value: " + status.to_string() + "\n");
}

void check_failed(const char* expression, const char* file, int line) {
  abort_with("ldb: " + std::string(file) + ":" + std::to_string(line) + ": invariant broken: " + expression + "\n");
}

}  // namespace internal
}  // namespace ldb
