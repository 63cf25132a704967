// Closing a node leaves nothing behind: no thread, no file handle (allocations: the leak sanitizer's job).
#include <catch2/catch.hpp>
#include <random>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ldb/ldb.hpp"
#include "support/process.hpp"
#include "support/temp_directory.hpp"

using namespace ldb;

namespace {

/// One connection that sends `bytes` and hangs up.
void send_raw(int port, const std::string& bytes) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  REQUIRE(fd >= 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  // The node may hang up before it has read everything.
  static_cast<void>(!send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL));
  close(fd);
}

}  // namespace

TEST_CASE("Closing nodes leaves no thread and no file handle") {
  const test::TempDirectory directory;
  const auto round = [&] {
    LocalClusterOptions options;
    options.directory = directory.path();
    const auto cluster = LocalCluster::start(std::move(options)).value();
    REQUIRE(
        cluster->node(0)
            .execute("CREATE TABLE IF NOT EXISTS t (id INT PRIMARY KEY, v TEXT); DELETE FROM t; INSERT INTO t VALUES (1, 'x')")
            .has_value());
    REQUIRE(cluster->wait_converged().is_ok());
  };
  round();  // whatever the process sets up once
  const std::size_t threads = test::threads_at_rest();
  const std::size_t files = test::open_file_descriptors();
  for (int i = 0; i < 3; ++i) round();
  CHECK(test::threads_come_down_to(threads));
  CHECK(test::open_file_descriptors() == files);
}

TEST_CASE("Random bytes on the RPC port neither crash nor hang the node") {
  LocalClusterOptions options;
  options.nodes = 2;
  const auto cluster = LocalCluster::start(std::move(options)).value();
  const std::string address = cluster->node(0).address();
  const int port = std::stoi(address.substr(address.rfind(':') + 1));
  const std::uint32_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 300; ++i) {
    std::string bytes(random() % 4096, '\0');
    for (char& c : bytes) c = static_cast<char>(random() % (i % 2 == 0 ? 256 : 4));
    send_raw(port, bytes);
  }
  REQUIRE(cluster->node(0).kv().put("k", "v").is_ok());
  CHECK(cluster->wait_converged().is_ok());
  CHECK(cluster->node(1).kv().get("k").value() == "v");
}
