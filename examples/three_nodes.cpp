// Three replicas of the Chinook music store in one process, joined by Cap'n Proto RPC on loopback: load through one, ask the
// others, cut one off, write on both sides, heal, see which writes won, kill a node and bring it back.
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <ldb/ldb.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& what, const ldb::Status& status) {
  std::cerr << "three_nodes: " << what << ": " << status.to_string() << '\n';
  std::exit(1);
}

void must(const std::string& what, const ldb::Status& status) {
  if (!status) fail(what, status);
}

template <class T>
T must(const std::string& what, ldb::Result<T> result) {
  if (!result) fail(what, result.error());
  return std::move(result).value();
}

void expect(bool holds, const std::string& what) {
  if (!holds) {
    std::cerr << "three_nodes: expected: " << what << '\n';
    std::exit(1);
  }
}

/// Prints how long the enclosing step took.
class Step {
 public:
  explicit Step(std::string title) : title_(std::move(title)), start_(Clock::now()) { std::cout << "\n== " << title_ << '\n'; }
  ~Step() {
    const double ms = std::chrono::duration<double, std::milli>(Clock::now() - start_).count();
    std::cout << "   (" << std::fixed << std::setprecision(1) << ms << " ms)\n";
  }
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;

 private:
  std::string title_;
  Clock::time_point start_;
};

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream contents;
  contents << file.rdbuf();
  if (!file) fail("read " + path.string(), ldb::Status(ldb::StatusCode::kIoError, "cannot read"));
  return contents.str();
}

void print(const ldb::ResultSet& result, std::size_t limit = 5) {
  std::cout << "   ";
  for (std::size_t c = 0; c < result.columns().size(); ++c) std::cout << (c > 0 ? " | " : "") << result.columns()[c].name;
  std::cout << '\n';
  for (std::size_t r = 0; r < std::min(limit, result.size()); ++r) {
    std::cout << "   ";
    for (std::size_t c = 0; c < result.columns().size(); ++c) std::cout << (c > 0 ? " | " : "") << result.at(r, c).to_string();
    std::cout << '\n';
  }
  if (result.size() > limit) std::cout << "   ... " << result.size() << " rows\n";
}

ldb::Session store(ldb::Node& node) {
  ldb::SessionOptions options;
  options.database = "chinook";
  return must("open a session on " + node.id().name, node.session(options));
}

/// The script is PostgreSQL's: it creates a database and connects to it with psql's \c, which is a new session here.
void load(ldb::Node& node) {
  const std::string script = read_file(fs::path(LDB_EXAMPLE_DATA) / "chinook" / "Chinook_PostgreSql.sql");
  const std::string connect = "\\c chinook;";
  const std::size_t cut = script.find(connect);
  expect(cut != std::string::npos, "\\c chinook in the script");
  ldb::Session first = must("session", node.session());
  std::size_t statements = 0;
  const auto count = [&](const ldb::ResultSet&) { ++statements; };
  // One statement a commit, as the PostgreSQL shell would run it; a string of several would be one transaction.
  must("create the database", first.execute("DROP DATABASE IF EXISTS chinook").error());
  must("create the database", first.execute("CREATE DATABASE chinook").error());
  ldb::Session session = store(node);
  must("load the script", session.execute_script(script.substr(cut + connect.size()), count));
  std::cout << "   " << statements << " statements through " << node.id().name << '\n';
}

void ask_questions(ldb::LocalCluster& cluster) {
  std::vector<fs::path> questions;
  for (const auto& entry : fs::directory_iterator(fs::path(LDB_EXAMPLE_DATA) / "chinook" / "questions"))
    questions.push_back(entry.path());
  std::sort(questions.begin(), questions.end());
  for (std::size_t i = 0; i < questions.size(); ++i) {
    ldb::Node& node = cluster.node(1 + i % 2);
    const std::string sql = read_file(questions[i]);
    const Step step(sql.substr(3, sql.find('\n') - 3) + " (on " + node.id().name + ")");
    print(must(questions[i].filename().string(), store(node).execute(sql)));
  }
}

void show_everywhere(ldb::LocalCluster& cluster, const std::string& title, const std::string& sql) {
  std::cout << "   " << title << '\n';
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    const ldb::ResultSet result = must(sql, store(cluster.node(i)).execute(sql));
    std::cout << "     " << cluster.node(i).id().name << ": ";
    if (result.empty()) std::cout << "(no row)";
    for (std::size_t c = 0; c < result.columns().size() && !result.empty(); ++c) {
      std::cout << (c > 0 ? ", " : "") << result.columns()[c].name << " = " << result.at(0, c).to_string();
    }
    std::cout << '\n';
  }
}

void prove_equal(ldb::LocalCluster& cluster) {
  must("wait until the nodes agree", cluster.wait_converged());
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    const ldb::ContentHash hash = must("content hash", cluster.node(i).content_hash());
    std::cout << "   " << cluster.node(i).id().name << ": " << hash.to_string() << " over " << hash.rows << " rows\n";
    expect(hash == must("content hash", cluster.node(0).content_hash()), "equal content hashes");
  }
}

void write_on_both_sides(ldb::LocalCluster& cluster) {
  const auto run = [&](std::size_t node, const std::string& sql) {
    std::cout << "   " << cluster.node(node).id().name << ": " << sql << '\n';
    must(sql, store(cluster.node(node)).execute(sql).error());
  };
  must("cut node3 off", cluster.isolate(2));
  std::cout << "   node3 is cut off\n";
  // Different columns of one row: both stay.
  run(0, "UPDATE customer SET email = 'luis@example.org' WHERE customer_id = 1");
  run(2, "UPDATE customer SET phone = '+55 12 0000-0000' WHERE customer_id = 1");
  // The same column of another: the later write wins, the earlier is kept in ldb.conflicts.
  run(2, "UPDATE customer SET city = 'Written by node3' WHERE customer_id = 2");
  run(0, "UPDATE customer SET city = 'Written by node1' WHERE customer_id = 2");
  // A delete against an update.
  run(0, "DELETE FROM playlist_track WHERE playlist_id = 18");
  run(0, "DELETE FROM playlist WHERE playlist_id = 18");
  run(2, "UPDATE playlist SET name = 'On-The-Go, kept' WHERE playlist_id = 18");
  must("heal the link of node3", cluster.rejoin(2));
  std::cout << "   node3 is back\n";
  must("wait until the nodes agree", cluster.wait_converged());
  show_everywhere(cluster, "customer 1, different columns:", "SELECT email, phone FROM customer WHERE customer_id = 1");
  show_everywhere(cluster, "customer 2, the same column:", "SELECT city FROM customer WHERE customer_id = 2");
  show_everywhere(cluster, "playlist 18, deleted and updated:", "SELECT name FROM playlist WHERE playlist_id = 18");
  const auto conflicts = must("ldb.conflicts", store(cluster.node(1)).execute("SELECT * FROM ldb.conflicts"));
  std::cout << "   ldb.conflicts on node2:\n";
  print(conflicts, 20);
  expect(!conflicts.empty(), "rows in ldb.conflicts");
}

}  // namespace

int main(int argc, char** argv) {
  const bool keep = argc > 1;
  const fs::path directory =
      keep ? fs::path(argv[1])
           : fs::temp_directory_path() / ("ldb-three-nodes-" + std::to_string(Clock::now().time_since_epoch().count()));
  const auto began = Clock::now();
  {
    std::unique_ptr<ldb::LocalCluster> cluster;
    {
      const Step step("Three nodes over Cap'n Proto RPC, data in " + directory.string());
      ldb::LocalClusterOptions options;
      options.directory = directory.string();
      cluster = must("start the cluster", ldb::LocalCluster::start(std::move(options)));
      for (std::size_t i = 0; i < cluster->size(); ++i)
        std::cout << "   " << cluster->node(i).id().name << " at " << cluster->node(i).address() << '\n';
    }
    {
      const Step step("Load the music store through node1");
      load(cluster->node(0));
    }
    {
      const Step step("Wait until node2 and node3 have it");
      prove_equal(*cluster);
    }
    {
      const Step step("Break one invoice (on node1), so that a question has something to find");
      must("update", store(cluster->node(0)).execute("UPDATE invoice SET total = total + 1 WHERE invoice_id = 98").error());
      must("wait", cluster->wait_converged());
    }
    ask_questions(*cluster);
    {
      const Step step("Write on both sides of a cut");
      write_on_both_sides(*cluster);
    }
    {
      const Step step("All three hold the same state");
      prove_equal(*cluster);
    }
    {
      const Step step("Kill node2, write without it, reopen it");
      must("kill node2", cluster->kill(1));
      must("insert",
           store(cluster->node(0)).execute("INSERT INTO artist (artist_id, name) VALUES (1000, 'While node2 was away')").error());
      must("start node2", cluster->start(1));
      must("wait", cluster->wait_converged());
      print(must("select", store(cluster->node(1)).execute("SELECT * FROM artist WHERE artist_id = 1000")));
      prove_equal(*cluster);
    }
  }
  if (!keep) fs::remove_all(directory);
  std::cout << "\nDone in " << std::chrono::duration<double>(Clock::now() - began).count() << " s\n";
  return 0;
}
