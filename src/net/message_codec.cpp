#include "net/message_codec.hpp"

#include "base/coding.hpp"

namespace ldb::net {
namespace {

Status malformed(std::string_view what) { return Status(StatusCode::kCorruption, "malformed " + std::string(what)); }

}  // namespace

std::string encode_request(const Request& request) {
  std::string bytes;
  bytes.reserve(request.body.size() + 16);
  put_u16(bytes, static_cast<std::uint16_t>(request.kind));
  put_bytes(bytes, request.body);
  return bytes;
}

Result<Request> decode_request(std::string_view bytes) {
  ByteReader in(bytes);
  std::uint16_t kind = 0;
  std::string_view body;
  if (!in.u16(kind) || !in.bytes(body) || !in.empty()) return malformed("request");
  return Request{static_cast<RequestKind>(kind), std::string(body)};
}

std::string encode_answer(const Result<std::string>& answer) {
  std::string bytes;
  const Status status = answer.error();
  put_u8(bytes, static_cast<std::uint8_t>(status.code()));
  if (answer) {
    put_bytes(bytes, *answer);
    return bytes;
  }
  put_bytes(bytes, status.sqlstate());
  put_bytes(bytes, status.message());
  put_bytes(bytes, status.detail());
  put_varint(bytes, status.position());
  return bytes;
}

Result<std::string> decode_answer(std::string_view bytes) {
  ByteReader in(bytes);
  std::uint8_t code = 0;
  if (!in.u8(code) || code > static_cast<std::uint8_t>(StatusCode::kInternal)) return malformed("answer");
  if (code == 0) {
    std::string_view body;
    if (!in.bytes(body) || !in.empty()) return malformed("answer");
    return std::string(body);
  }
  std::string_view sqlstate;
  std::string_view message;
  std::string_view detail;
  std::uint64_t position = 0;
  if (!in.bytes(sqlstate) || !in.bytes(message) || !in.bytes(detail) || !in.varint(position) || !in.empty())
    return malformed("answer");
  const Status status = Status::sql(static_cast<StatusCode>(code), sqlstate, std::string(message), position);
  return detail.empty() ? status : status.with_detail(std::string(detail));
}

}  // namespace ldb::net
