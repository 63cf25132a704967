// Status and Result<T>: how every ldb call reports failure. No exception crosses an ldb interface for a foreseeable failure.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace ldb {

/// A code exists only if a caller reacts to it differently. SQL errors additionally carry a SQLSTATE.
enum class StatusCode : std::uint8_t {
  kOk = 0,
  kNotFound,           ///< The named thing does not exist.
  kAlreadyExists,      ///< The named thing exists already.
  kInvalidArgument,    ///< The caller passed something wrong; retrying the same call cannot help.
  kUnsupported,        ///< Understood, but ldb does not do it (yet). Never silently ignored.
  kConflict,           ///< Serialization failure: roll back and run the transaction again.
  kConstraint,         ///< A constraint refused the write (see the SQLSTATE for which kind).
  kCorruption,         ///< Bytes from disk or network are damaged; the message names file and offset.
  kIoError,            ///< The operating system refused; the message names file and error.
  kNoSpace,            ///< Disk full. Nothing acknowledged is lost; the call may be retried after space is freed.
  kResourceExhausted,  ///< A bound (queue, memory, size) was reached; retry later or raise the bound.
  kTimeout,            ///< The deadline passed before an answer came.
  kUnavailable,        ///< Peer or node cannot serve this now (cut off, bootstrapping, refused clock).
  kOutcomeUnknown,     ///< The commit may or may not have happened; check before repeating it.
  kAborted,            ///< The transaction is already rolled back, or the call was cancelled by a shutdown.
  kInternal,           ///< A broken invariant inside ldb. Please report it.
};

/// Stable lower-case name, e.g. "not_found".
std::string_view to_string(StatusCode code);

/// Outcome of a call. Cheap when ok (one pointer). Value type; may be copied between threads.
class [[nodiscard]] Status {
 public:
  Status() = default;  // ok
  Status(StatusCode code, std::string message);

  static Status ok() { return {}; }
  /// SQL failure: `sqlstate` is the five-character code, `position` the 1-based character index in the statement (0: unknown).
  static Status sql(StatusCode code, std::string_view sqlstate, std::string message, std::size_t position = 0);

  bool is_ok() const { return state_ == nullptr; }
  explicit operator bool() const { return is_ok(); }
  StatusCode code() const { return state_ ? state_->code : StatusCode::kOk; }
  std::string_view message() const { return state_ ? std::string_view(state_->message) : std::string_view(); }
  /// Five characters; "00000" when ok; derived from the code when none was given.
  std::string_view sqlstate() const;
  std::size_t position() const { return state_ ? state_->position : 0; }
  /// Further advice for the reader ("DETAIL"/"HINT" of SQL errors); may be empty.
  std::string_view detail() const { return state_ ? std::string_view(state_->detail) : std::string_view(); }

  /// Same status with `context + ": "` put in front of the message; no effect on ok.
  Status with_context(std::string_view context) const;
  Status with_detail(std::string detail) const;
  Status with_position(std::size_t position) const;

  /// "corruption: open table 7: footer: bad checksum"
  std::string to_string() const;

 private:
  struct State {
    StatusCode code;
    std::string sqlstate;
    std::string message;
    std::string detail;
    std::size_t position = 0;
  };
  std::shared_ptr<const State> state_;  // immutable, so sharing it between copies is safe
};

namespace internal {
[[noreturn]] void bad_result_access(const Status& status);
}

/// A value or the Status that says why there is none. Member names follow std::expected.
template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Status status) : state_(std::in_place_index<1>, std::move(status)) {
    if (std::get<1>(state_).is_ok()) internal::bad_result_access(std::get<1>(state_));
  }

  bool has_value() const { return state_.index() == 0; }
  bool is_ok() const { return has_value(); }
  explicit operator bool() const { return has_value(); }

  /// The value; aborts with the status' text when there is none.
  T& value() & { return check(), std::get<0>(state_); }
  const T& value() const& { return check(), std::get<0>(state_); }
  T&& value() && { return check(), std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  template <class U>
  T value_or(U&& fallback) const& {
    return has_value() ? std::get<0>(state_) : static_cast<T>(std::forward<U>(fallback));
  }

  /// The failure; Status::ok() when there is a value.
  Status error() const { return has_value() ? Status() : std::get<1>(state_); }
  Status status() const { return error(); }

 private:
  void check() const {
    if (!has_value()) internal::bad_result_access(std::get<1>(state_));
  }
  std::variant<T, Status> state_;
};

}  // namespace ldb

/// Return the failure of `expr` (a Status) from the enclosing function.
#define LDB_TRY(expr)                                                                     \
  do {                                                                                    \
    if (::ldb::Status ldb_try_status_ = (expr); !ldb_try_status_) return ldb_try_status_; \
  } while (false)

#define LDB_CONCAT_INNER_(a, b) a##b
#define LDB_CONCAT_(a, b) LDB_CONCAT_INNER_(a, b)
/// `LDB_ASSIGN_OR_RETURN(auto x, expr)`: bind the value of a Result, or return its failure.
#define LDB_ASSIGN_OR_RETURN(decl, expr) LDB_ASSIGN_OR_RETURN_IMPL_(LDB_CONCAT_(ldb_result_, __LINE__), decl, expr)
#define LDB_ASSIGN_OR_RETURN_IMPL_(tmp, decl, expr) \
  auto tmp = (expr);                                \
  if (!tmp) return tmp.error();                     \
  decl = std::move(tmp).value()
