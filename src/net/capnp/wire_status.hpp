// ldb::Status as the protocol carries it, and KJ's exceptions as Status.
#pragma once

#include <kj/exception.h>

#include <string>
#include <string_view>

#include "ldb/status.hpp"
#include "peer.capnp.h"

namespace ldb::net::rpc {

/// `status` must not be ok. Texts are cut to 16 KiB.
void write_failure(const Status& status, wire::Failure::Builder out);
/// Never ok, whatever the peer sent. Throws kj::Exception when the message is malformed.
Status read_failure(wire::Failure::Reader in);
/// The peer's answer, body copied out. Never throws: a malformed message is kCorruption.
Result<std::string> read_answer(wire::Answer::Reader in);

/// What a failed call or connection means to the caller: kUnavailable, but kUnsupported for a method that the peer does not know.
Status to_status(const kj::Exception& exception);

/// A Text from the network as a string; at most `max_bytes`, cut beyond that.
std::string copy_text(::capnp::Text::Reader text, std::size_t max_bytes);

}  // namespace ldb::net::rpc
