#include "net/capnp/endpoint.hpp"

#include <catch2/catch.hpp>

using ldb::net::rpc::Endpoint;

TEST_CASE("An endpoint is read and written as people write it") {
  for (const std::string text : {"127.0.0.1:7000", "[::1]:0", "db1.example.org:65535", "[fe80::1%eth0]:1"}) {
    CAPTURE(text);
    const auto endpoint = Endpoint::parse(text);
    REQUIRE(endpoint);
    CHECK(endpoint->to_string() == text);
  }
  CHECK(Endpoint::parse("[::1]:5")->host == "::1");
}

TEST_CASE("A malformed endpoint is refused with its text and the form expected") {
  for (const std::string text :
       {"", ":", "a", "a:", ":1", "a:b", "a:65536", "a:-1", "a:1x", "a: 1", "::1:1", "[::1:1", "::1]:1", "[]:1", "a b:1"}) {
    CAPTURE(text);
    const auto endpoint = Endpoint::parse(text);
    REQUIRE_FALSE(endpoint);
    CHECK(endpoint.error().code() == ldb::StatusCode::kInvalidArgument);
    CHECK(std::string(endpoint.error().message()).find("host:port") != std::string::npos);
  }
}
