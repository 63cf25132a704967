#include "net/capnp/wire_status.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace ldb::net::rpc {
namespace {

constexpr std::size_t kMaxTextBytes = 16 << 10;

constexpr std::array<std::pair<StatusCode, wire::Code>, 16> kCodes = {{
    {StatusCode::kOk, wire::Code::OK},
    {StatusCode::kNotFound, wire::Code::NOT_FOUND},
    {StatusCode::kAlreadyExists, wire::Code::ALREADY_EXISTS},
    {StatusCode::kInvalidArgument, wire::Code::INVALID_ARGUMENT},
    {StatusCode::kUnsupported, wire::Code::UNSUPPORTED},
    {StatusCode::kConflict, wire::Code::CONFLICT},
    {StatusCode::kConstraint, wire::Code::CONSTRAINT},
    {StatusCode::kCorruption, wire::Code::CORRUPTION},
    {StatusCode::kIoError, wire::Code::IO_ERROR},
    {StatusCode::kNoSpace, wire::Code::NO_SPACE},
    {StatusCode::kResourceExhausted, wire::Code::RESOURCE_EXHAUSTED},
    {StatusCode::kTimeout, wire::Code::TIMEOUT},
    {StatusCode::kUnavailable, wire::Code::UNAVAILABLE},
    {StatusCode::kOutcomeUnknown, wire::Code::OUTCOME_UNKNOWN},
    {StatusCode::kAborted, wire::Code::ABORTED},
    {StatusCode::kInternal, wire::Code::INTERNAL},
}};

wire::Code to_wire(StatusCode code) {
  for (const auto& [ours, theirs] : kCodes) {
    if (ours == code) return theirs;
  }
  return wire::Code::INTERNAL;
}

StatusCode from_wire(wire::Code code) {
  for (const auto& [ours, theirs] : kCodes) {
    if (theirs == code && ours != StatusCode::kOk) return ours;
  }
  return StatusCode::kInternal;
}

::capnp::Text::Reader cut(const std::string& text) { return ::capnp::Text::Reader(text.c_str(), text.size()); }

}  // namespace

void write_failure(const Status& status, wire::Failure::Builder out) {
  out.setCode(to_wire(status.code()));
  const std::string message(status.message().substr(0, kMaxTextBytes));
  const std::string sqlstate(status.sqlstate());
  const std::string detail(status.detail().substr(0, kMaxTextBytes));
  out.setMessage(cut(message));
  out.setSqlState(cut(sqlstate));
  if (!detail.empty()) out.setDetail(cut(detail));
  out.setPosition(static_cast<std::uint32_t>(std::min<std::size_t>(status.position(), UINT32_MAX)));
}

Status read_failure(wire::Failure::Reader in) {
  std::string message = copy_text(in.getMessage(), kMaxTextBytes);
  const std::string sqlstate = copy_text(in.getSqlState(), 5);
  Status status = sqlstate.size() == 5 ? Status::sql(from_wire(in.getCode()), sqlstate, std::move(message), in.getPosition())
                                       : Status(from_wire(in.getCode()), std::move(message));
  if (in.hasDetail()) status = status.with_detail(copy_text(in.getDetail(), kMaxTextBytes));
  return status;
}

Result<std::string> read_answer(wire::Answer::Reader in) {
  try {
    switch (in.which()) {
      case wire::Answer::BODY: {
        const auto body = in.getBody();
        return std::string(reinterpret_cast<const char*>(body.begin()), body.size());
      }
      case wire::Answer::FAILURE:
        return read_failure(in.getFailure());
    }
    return Status(StatusCode::kUnsupported, "the peer sent an answer of a kind this version does not know");
  } catch (const kj::Exception& e) {
    return Status(StatusCode::kCorruption, std::string("malformed answer: ") + e.getDescription().cStr());
  }
}

Status to_status(const kj::Exception& exception) {
  const std::string text = exception.getDescription().cStr();
  switch (exception.getType()) {
    case kj::Exception::Type::UNIMPLEMENTED:
      return Status(StatusCode::kUnsupported, text);
    case kj::Exception::Type::OVERLOADED:
      return Status(StatusCode::kResourceExhausted, text);
    case kj::Exception::Type::DISCONNECTED:
    case kj::Exception::Type::FAILED:
      break;
  }
  return Status(StatusCode::kUnavailable, text);
}

std::string copy_text(::capnp::Text::Reader text, std::size_t max_bytes) {
  return std::string(text.begin(), std::min<std::size_t>(text.size(), max_bytes));
}

}  // namespace ldb::net::rpc
