#include "net/capnp/endpoint.hpp"

#include <charconv>

namespace ldb::net::rpc {

Result<Endpoint> Endpoint::parse(const std::string& text) {
  const auto bad = [&text](const char* why) {
    return Status(StatusCode::kInvalidArgument, "address '" + text + "': " + why + " (expected host:port or [ipv6]:port)");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return bad("no port");
  std::string host = text.substr(0, colon);
  if (!host.empty() && host.front() == '[') {
    if (host.back() != ']') return bad("unbalanced bracket");
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string::npos) {
    return bad("an IPv6 address needs brackets");
  }
  if (host.empty()) return bad("no host");
  if (host.size() > 255 || host.find_first_of(std::string_view("\0[] \t\r\n", 7)) != std::string::npos)
    return bad("no valid host");
  unsigned port = 0;
  const char* const begin = text.data() + colon + 1;
  const char* const end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(begin, end, port);
  if (begin == end || error != std::errc() || parsed != end || port > 65535) return bad("no valid port");
  return Endpoint{std::move(host), static_cast<std::uint16_t>(port)};
}

std::string Endpoint::to_string() const {
  const bool brackets = host.find(':') != std::string::npos;
  return (brackets ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace ldb::net::rpc
