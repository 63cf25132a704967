// "host:port" as a person writes it.
#pragma once

#include <cstdint>
#include <string>

#include "ldb/status.hpp"

namespace ldb::net::rpc {

/// Where to listen or to connect: a host name, an IPv4 address, or an IPv6 address (written in brackets), and a port.
struct Endpoint {
  std::string host;  ///< without brackets
  std::uint16_t port = 0;

  /// "10.0.0.1:7000", "[::1]:7000", "db1.example.org:7000". kInvalidArgument otherwise.
  static Result<Endpoint> parse(const std::string& text);
  std::string to_string() const;
};

}  // namespace ldb::net::rpc
