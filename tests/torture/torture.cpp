// Kills a writing process with SIGKILL at random moments and checks what it left: every acknowledged commit is there, no commit
// is half there, nothing deleted came back.   torture [--rounds N] [--seed S] [--directory D]
//
// The parent starts itself again as the writer, reads the acknowledgements from a pipe, kills it, opens the directory and
// compares. Each of the writer's threads commits in order, so the number of commits that its counter row shows determines every
// other row it may have; acknowledgements say how high the counter must at least stand. Some rounds kill again without looking in
// between, and kills may hit recovery. State carries over from round to round.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "ldb/ldb.hpp"

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kWriters = 4;
constexpr std::int64_t kKept = 1500;  // commits of a writer that stay; each later one deletes the oldest

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

ldb::ResultSet query(ldb::Session& session, const std::string& sql) {
  auto result = session.execute(sql);
  must(result.error(), sql);
  return std::move(result).value();
}

// What commit `n` of a writer writes follows from n alone.
std::int64_t parts_of(std::int64_t n) { return 1 + n % 7; }
std::int64_t payload_bytes(std::int64_t n) { return 50 + n % 400; }

/// kOs is enough to survive kill -9; the others ask for more.
ldb::SyncPolicy policy_of(std::size_t writer) { return writer == 0 ? ldb::SyncPolicy::kOs : ldb::SyncPolicy::kSync; }

/// One commit: a head row, its parts, the oldest kept commit gone, the writer's counter one up.
ldb::Status write_commit(ldb::Session& session, std::int64_t writer, std::int64_t n) {
  LDB_TRY(session.execute("BEGIN").error());
  LDB_TRY(session.execute("INSERT INTO head VALUES ($1, $2, $3)", writer, n, parts_of(n)).error());
  for (std::int64_t i = 0; i < parts_of(n); ++i) {
    const std::string payload(static_cast<std::size_t>(payload_bytes(n)), static_cast<char>('a' + n % 26));
    LDB_TRY(session.execute("INSERT INTO part VALUES ($1, $2, $3, $4)", writer, n, i, payload).error());
  }
  if (n >= kKept) {
    LDB_TRY(session.execute("DELETE FROM part WHERE writer = $1 AND n = $2", writer, n - kKept).error());
    LDB_TRY(session.execute("DELETE FROM head WHERE writer = $1 AND n = $2", writer, n - kKept).error());
  }
  LDB_TRY(session.execute("UPDATE counter SET commits = commits + 1 WHERE writer = $1", writer).error());
  return session.execute("COMMIT").error();
}

struct Acknowledgement {
  std::uint32_t writer;
  std::uint32_t number;  // its n-th commit, from 1: how many there are
};

/// Writes until it is killed. Each acknowledgement goes to standard output in one write, which a pipe takes whole.
int run_writer(const std::string& directory) {
  const auto node = open_node(directory);
  std::vector<std::thread> threads;
  for (std::size_t writer = 0; writer < kWriters; ++writer) {
    threads.emplace_back([&node, writer] {
      ldb::SessionOptions options;
      options.sync = policy_of(writer);
      ldb::Session session = node->session(options).value();
      const auto id = static_cast<std::int64_t>(writer);
      std::int64_t n = query(session, "SELECT commits FROM counter WHERE writer = " + std::to_string(id))[0].get<std::int64_t>(0);
      for (;; ++n) {
        must(write_commit(session, id, n), "commit");
        const Acknowledgement done{static_cast<std::uint32_t>(writer), static_cast<std::uint32_t>(n + 1)};
        if (::write(STDOUT_FILENO, &done, sizeof done) != sizeof done) std::_Exit(1);
      }
    });
  }
  threads.emplace_back([&node] {
    std::mt19937 random(std::random_device{}());
    for (;;) {
      std::this_thread::sleep_for(std::chrono::milliseconds(random() % 40));
      must(random() % 4 == 0 ? node->storage().compact({}) : node->storage().flush(), "flush or compact");
    }
  });
  for (std::thread& thread : threads) thread.join();
  return 0;
}

using Counts = std::array<std::int64_t, kWriters>;

/// Starts a writer, lets it run for `ms` and kills it. Raises `acknowledged` to what it said.
void write_and_kill(const std::string& self, const std::string& directory, int ms, Counts& acknowledged) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) die("pipe");
  const pid_t pid = fork();
  if (pid < 0) die("fork");
  if (pid == 0) {
    dup2(ends[1], STDOUT_FILENO);
    execl(self.c_str(), self.c_str(), "--writer", directory.c_str(), nullptr);
    _exit(127);
  }
  close(ends[1]);
  // Read all the time: a full pipe would stop the load.
  std::thread reader([&acknowledged, from = ends[0]] {
    for (Acknowledgement done{}; read(from, &done, sizeof done) == sizeof done;) {
      if (done.writer >= kWriters) die("a strange acknowledgement");
      acknowledged[done.writer] = std::max<std::int64_t>(acknowledged[done.writer], done.number);
    }
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
  if (waitpid(pid, nullptr, WNOHANG) != 0) die("the writer ended by itself");
  kill(pid, SIGKILL);
  int state = 0;
  waitpid(pid, &state, 0);
  if (!WIFSIGNALED(state) || WTERMSIG(state) != SIGKILL) die("the writer ended by itself before it was killed");
  reader.join();
  close(ends[0]);
}

std::size_t table_files(const std::string& directory) {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(directory)) count += entry.path().extension() == ".sst" ? 1 : 0;
  return count;
}

/// Tables that belong to the tree.
std::size_t live_tables(ldb::Node& node) {
  std::size_t count = 0;
  for (const ldb::EngineProperty& property : node.storage().properties()) {
    if (property.name.starts_with("level") && property.name.ends_with("_tables")) count += std::stoul(property.value);
  }
  return count;
}

/// Every row follows from the counters.
void verify_rows(ldb::Session& session, const Counts& commits) {
  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> heads;  // parts found so far
  const ldb::ResultSet head_rows = query(session, "SELECT writer, n, parts FROM head");
  for (auto [writer, n, parts] : head_rows.as<std::int64_t, std::int64_t, std::int64_t>()) {
    const std::string name = "commit " + std::to_string(n) + " of writer " + std::to_string(writer);
    const std::int64_t count = commits.at(static_cast<std::size_t>(writer));
    if (n >= count) die(name + " is half there: the counter stands at " + std::to_string(count));
    if (n < count - kKept) die(name + " was deleted and came back");
    if (parts != parts_of(n)) die(name + " has a wrong head");
    heads[{writer, n}] = 0;
  }
  for (std::size_t writer = 0; writer < kWriters; ++writer) {
    for (std::int64_t n = std::max<std::int64_t>(0, commits[writer] - kKept); n < commits[writer]; ++n) {
      if (!heads.contains({static_cast<std::int64_t>(writer), n}))
        die("commit " + std::to_string(n) + " of writer " + std::to_string(writer) + " is lost");
    }
  }
  const ldb::ResultSet part_rows = query(session, "SELECT writer, n, payload FROM part");
  for (auto [writer, n, payload] : part_rows.as<std::int64_t, std::int64_t, std::string>()) {
    const auto head = heads.find({writer, n});
    if (head == heads.end()) die("a part without its commit");
    if (payload != std::string(static_cast<std::size_t>(payload_bytes(n)), static_cast<char>('a' + n % 26)))
      die("a part of commit " + std::to_string(n) + " is damaged");
    ++head->second;
  }
  std::map<std::int64_t, std::int64_t> by_parts;
  for (const auto& [commit, parts] : heads) {
    if (parts != parts_of(commit.second)) die("commit " + std::to_string(commit.second) + " is half there");
    ++by_parts[parts];
  }
  for (const auto& [parts, count] : by_parts) {  // through the index
    const auto indexed = query(session, "SELECT count(*) FROM head WHERE parts = " + std::to_string(parts));
    if (indexed[0].get<std::int64_t>(0) != count) die("the index over head.parts does not hold the rows");
  }
}

struct State {
  Counts commits{};     // the counters at the last look
  int kills = 0;        // since then
  int interrupted = 0;  // looks that found tables of a flush or compaction that had not ended
};

/// Opens what the kills have left.
void verify(const std::string& directory, State& state, const Counts& acknowledged) {
  const std::size_t tables = table_files(directory);
  const auto node = open_node(directory);
  state.interrupted += tables > live_tables(*node) ? 1 : 0;
  ldb::Session session = node->session().value();
  Counts commits{};
  const ldb::ResultSet counters = query(session, "SELECT writer, commits FROM counter");
  if (counters.size() != kWriters) die("a counter is missing");
  for (auto [writer, count] : counters.as<std::int64_t, std::int64_t>()) {
    const auto w = static_cast<std::size_t>(writer);
    const std::int64_t least = std::max(state.commits.at(w), acknowledged.at(w));
    if (count < least)
      die("writer " + std::to_string(w) + ": " + std::to_string(least) + " commits were acknowledged, " + std::to_string(count) +
          " are there");
    // Beyond what was acknowledged, at most the one commit that was under way at each kill.
    if (count > least + state.kills) die("writer " + std::to_string(w) + ": commits that nobody made");
    commits[w] = count;
  }
  verify_rows(session, commits);
  state.commits = commits;
  state.kills = 0;
}

void create_schema(const std::string& directory) {
  const auto node = open_node(directory);
  must(node->execute("CREATE TABLE head (writer BIGINT, n BIGINT, parts BIGINT NOT NULL, PRIMARY KEY (writer, n));"
                     "CREATE INDEX head_parts ON head (parts);"
                     "CREATE TABLE part (writer BIGINT, n BIGINT, i BIGINT, payload TEXT, PRIMARY KEY (writer, n, i));"
                     "CREATE TABLE counter (writer BIGINT PRIMARY KEY, commits BIGINT NOT NULL)")
           .error(),
       "create tables");
  for (std::size_t writer = 0; writer < kWriters; ++writer)
    must(node->execute("INSERT INTO counter VALUES ($1, 0)", static_cast<std::int64_t>(writer)).error(), "insert");
  must(node->close(), "close");
}

struct Settings {
  int rounds = 20;
  std::uint64_t seed = std::random_device()();
  std::string directory = (fs::temp_directory_path() / ("ldb-torture-" + std::to_string(getpid()))).string();
};

int run(const Settings& settings) {
  std::cout << "torture: " << settings.rounds << " rounds, seed " << settings.seed << ", in " << settings.directory << std::endl;
  create_schema(settings.directory);
  std::mt19937_64 random(settings.seed);
  const std::string self = fs::read_symlink("/proc/self/exe").string();
  State state;
  Counts acknowledged{};
  for (int round = 0; round < settings.rounds; ++round) {
    write_and_kill(self, settings.directory, static_cast<int>(5 + random() % 300), acknowledged);
    ++state.kills;
    if (random() % 4 != 0 || round + 1 == settings.rounds) verify(settings.directory, state, acknowledged);
  }
  std::int64_t in_all = 0;
  for (const std::int64_t count : acknowledged) in_all += count;
  std::cout << "torture: " << settings.rounds << " kills survived, " << in_all << " acknowledged commits, " << state.interrupted
            << " kills while tables were being written\n";
  for (const std::int64_t count : acknowledged) {
    if (count < settings.rounds) die("hardly anything was written by one of the writers: " + std::to_string(count) + " commits");
  }
  if (state.interrupted == 0 && settings.rounds >= 50) die("no kill ever hit a flush or a compaction");
  fs::remove_all(settings.directory);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  std::string writer;
  CLI::App app("Kills a writing process again and again, and looks whether everything that it was told is durable is there.");
  app.add_option("--rounds", settings.rounds, "kills")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--seed", settings.seed, "of the moments and of what is written");
  app.add_option("--directory", settings.directory, "where the database goes while it is needed; must not exist")
      ->check(CLI::NonexistentPath);
  app.add_option("--writer", writer)->group("");
  CLI11_PARSE(app, argc, argv);
  return writer.empty() ? run(settings) : run_writer(writer);
}
