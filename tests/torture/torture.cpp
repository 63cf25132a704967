// Kills a writing process with SIGKILL at random moments and checks what it left: every acknowledged commit is there, no commit
// is half there.   torture [--rounds N] [--seed S] [--directory D]
//
// The parent starts itself again as the writer, reads the numbers of acknowledged commits from a pipe, kills it, opens the
// directory and compares. State carries over from round to round, so recovery is exercised on top of earlier recoveries.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "ldb/ldb.hpp"

namespace {

constexpr int kWriters = 4;
constexpr std::int64_t kNumbersPerWriter = 1'000'000'000;

[[noreturn]] void die(const std::string& what) {
  std::cerr << "torture: " << what << std::endl;
  std::_Exit(1);
}

void must(const ldb::Status& status, const std::string& what) {
  if (!status) die(what + ": " + status.to_string());
}

/// Small memtables and log segments, so that flushes, compactions and log recycling happen all the time.
std::unique_ptr<ldb::Node> open_node(const std::string& directory) {
  ldb::NodeOptions options;
  options.directory = directory;
  options.engine.memtable_bytes = 256 << 10;
  options.engine.log_segment_bytes = 256 << 10;
  auto node = ldb::Node::open(std::move(options));
  must(node.error(), "open");
  return std::move(node).value();
}

std::int64_t parts_of(std::int64_t number) { return 1 + number % 7; }

/// One commit: a head row, its parts, the writer's counter one up.
ldb::Status write_commit(ldb::Session& session, int writer, std::int64_t number) {
  LDB_TRY(session.execute("BEGIN").error());
  LDB_TRY(session.execute("INSERT INTO head VALUES ($1, $2)", number, parts_of(number)).error());
  for (std::int64_t i = 0; i < parts_of(number); ++i) {
    LDB_TRY(session
                .execute("INSERT INTO part VALUES ($1, $2, $3)", number, i,
                         std::string(static_cast<std::size_t>(50 + number % 400), 'x'))
                .error());
  }
  LDB_TRY(session.execute("UPDATE counter SET commits = commits + 1 WHERE writer = $1", writer).error());
  return session.execute("COMMIT").error();
}

/// Writes until it is killed. Each acknowledged number goes to standard output in one write.
int run_writer(const std::string& directory, const std::vector<std::int64_t>& next) {
  const auto node = open_node(directory);
  std::vector<std::thread> threads;
  for (int writer = 0; writer < kWriters; ++writer) {
    threads.emplace_back([&, writer] {
      ldb::Session session = node->session().value();
      for (std::int64_t number = next[static_cast<std::size_t>(writer)];; ++number) {
        must(write_commit(session, writer, number), "commit");
        if (::write(STDOUT_FILENO, &number, sizeof number) != sizeof number) std::_Exit(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return 0;
}

struct Child {
  pid_t pid = 0;
  int pipe = -1;
};

Child start_writer(const std::string& self, const std::string& directory, const std::vector<std::int64_t>& next) {
  int ends[2];
  if (pipe(ends) != 0) die("pipe");
  std::vector<std::string> words{self, "--writer", directory};
  for (const std::int64_t number : next) words.push_back(std::to_string(number));
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t pid = fork();
  if (pid < 0) die("fork");
  if (pid == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    execv(self.c_str(), arguments.data());
    _exit(127);
  }
  close(ends[1]);
  return {pid, ends[0]};
}

/// Lets the writer run for `ms`, kills it, returns the numbers it acknowledged.
std::vector<std::int64_t> run_and_kill(const Child& child, int ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
  if (waitpid(child.pid, nullptr, WNOHANG) != 0) die("the writer ended by itself");
  kill(child.pid, SIGKILL);
  int state = 0;
  waitpid(child.pid, &state, 0);
  if (!WIFSIGNALED(state) || WTERMSIG(state) != SIGKILL) die("the writer ended by itself before it was killed");
  std::vector<std::int64_t> acknowledged;
  std::int64_t number = 0;
  while (read(child.pipe, &number, sizeof number) == sizeof number) acknowledged.push_back(number);
  close(child.pipe);
  return acknowledged;
}

/// What must be there, and how the next round goes on.
struct Expectation {
  std::set<std::int64_t> commits;
  std::vector<std::int64_t> next;
};

void verify(const std::string& directory, Expectation& expected, const std::vector<std::int64_t>& acknowledged) {
  const auto node = open_node(directory);
  ldb::Session session = node->session().value();
  const auto query = [&](const std::string& sql) {
    auto result = session.execute(sql);
    must(result.error(), sql);
    return std::move(result).value();
  };
  std::set<std::int64_t> found;
  const ldb::ResultSet heads = query("SELECT number, parts FROM head");
  for (auto [number, parts] : heads.as<std::int64_t, std::int64_t>()) {
    if (parts != parts_of(number)) die("commit " + std::to_string(number) + " has a wrong head");
    found.insert(number);
  }
  std::map<std::int64_t, std::int64_t> parts_found;
  const ldb::ResultSet parts = query("SELECT number, length(payload) FROM part");
  for (auto [number, length] : parts.as<std::int64_t, std::int64_t>()) {
    if (length != 50 + number % 400) die("a part of commit " + std::to_string(number) + " is damaged");
    ++parts_found[number];
  }
  for (const std::int64_t number : found) {
    if (parts_found[number] != parts_of(number)) die("commit " + std::to_string(number) + " is half there");
  }
  if (parts_found.size() != found.size()) die("parts without their commit");

  for (const std::int64_t number : acknowledged) expected.commits.insert(number);
  for (const std::int64_t number : expected.commits) {
    if (!found.contains(number)) die("acknowledged commit " + std::to_string(number) + " is lost");
  }
  // Beyond what was acknowledged, at most the one commit of each writer that was under way.
  std::map<std::int64_t, int> extra;
  for (const std::int64_t number : found) {
    if (!expected.commits.contains(number) && ++extra[number / kNumbersPerWriter] > 1) die("commits that nobody made");
  }
  std::vector<std::int64_t> per_writer(kWriters, 0);
  for (const std::int64_t number : found) {
    const auto writer = static_cast<std::size_t>(number / kNumbersPerWriter);
    ++per_writer[writer];
    expected.next[writer] = std::max(expected.next[writer], number + 1);
  }
  const ldb::ResultSet counters = query("SELECT writer, commits FROM counter ORDER BY writer");
  for (auto [writer, commits] : counters.as<std::int64_t, std::int64_t>()) {
    if (commits != per_writer[static_cast<std::size_t>(writer)]) die("counter of writer " + std::to_string(writer) + " is wrong");
  }
  expected.commits = found;
}

void create_schema(const std::string& directory) {
  const auto node = open_node(directory);
  must(node->execute("CREATE TABLE head (number BIGINT PRIMARY KEY, parts BIGINT NOT NULL);"
                     "CREATE TABLE part (number BIGINT, i BIGINT, payload TEXT, PRIMARY KEY (number, i));"
                     "CREATE TABLE counter (writer INT PRIMARY KEY, commits BIGINT NOT NULL)")
           .error(),
       "create tables");
  for (int writer = 0; writer < kWriters; ++writer)
    must(node->execute("INSERT INTO counter VALUES ($1, 0)", writer).error(), "insert");
  must(node->close(), "close");
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 2 + kWriters && arguments[0] == "--writer") {
    std::vector<std::int64_t> next;
    for (int i = 0; i < kWriters; ++i) next.push_back(std::atoll(arguments[2 + static_cast<std::size_t>(i)].c_str()));
    return run_writer(arguments[1], next);
  }
  int rounds = 20;
  std::uint64_t seed = std::random_device()();
  std::string directory = (std::filesystem::temp_directory_path() / ("ldb-torture-" + std::to_string(getpid()))).string();
  for (std::size_t i = 0; i + 1 < arguments.size(); i += 2) {
    if (arguments[i] == "--rounds") rounds = std::atoi(arguments[i + 1].c_str());
    if (arguments[i] == "--seed") seed = std::strtoull(arguments[i + 1].c_str(), nullptr, 10);
    if (arguments[i] == "--directory") directory = arguments[i + 1];
  }
  std::cout << "torture: " << rounds << " rounds, seed " << seed << ", in " << directory << std::endl;
  std::filesystem::remove_all(directory);
  create_schema(directory);
  std::mt19937_64 random(seed);
  Expectation expected;
  for (int writer = 0; writer < kWriters; ++writer) expected.next.push_back(writer * kNumbersPerWriter);
  std::size_t acknowledged_in_all = 0;
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  for (int round = 0; round < rounds; ++round) {
    const Child child = start_writer(self, directory, expected.next);
    const std::vector<std::int64_t> acknowledged = run_and_kill(child, static_cast<int>(5 + random() % 300));
    acknowledged_in_all += acknowledged.size();
    verify(directory, expected, acknowledged);
  }
  if (acknowledged_in_all < static_cast<std::size_t>(rounds))
    die("hardly anything was written: " + std::to_string(acknowledged_in_all) + " commits");
  std::cout << "torture: " << rounds << " kills survived, " << acknowledged_in_all << " acknowledged commits, "
            << expected.commits.size() << " present\n";
  std::filesystem::remove_all(directory);
  return 0;
}
