// Requests and answers as bytes, for the transports that do not speak Cap'n Proto. Not stored, not sent between versions.
#pragma once

#include <string>
#include <string_view>

#include "ldb/transport.hpp"

namespace ldb::net {

std::string encode_request(const Request& request);
/// kCorruption for anything encode_request() does not write.
Result<Request> decode_request(std::string_view bytes);
std::string encode_answer(const Result<std::string>& answer);
/// The answer that was encoded, or kCorruption.
Result<std::string> decode_answer(std::string_view bytes);

}  // namespace ldb::net
