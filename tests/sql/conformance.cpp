// sql_conformance FOLDER|FILE...: runs sqllogictest files, each against a node of its own in memory, in a process of its own with
// a bound on memory and time, so that one bad file costs that file only. Prints the records passed and failed of every file, then
// the failures by kind, the commonest first. Exit code 1 when a record failed.
// With --mutate N each record is followed by N broken versions of it, whose answers nobody knows: then only what must never be
// counts, a process that dies or an internal error.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>

#include "ldb/node.hpp"
#include "sql/slt_runner.hpp"
#include "sql/sql_mutator.hpp"

namespace {

using ldb::Result;
using ldb::ResultSet;
using ldb::test::SltFailure;
using ldb::test::SltReport;

struct Arguments {
  std::vector<std::string> paths;
  std::string details;        ///< file to write every failure to
  unsigned memory_mb = 3072;  ///< of address space, for one file; 0: none (sanitizers need far more)
  unsigned time_s = 60;       ///< for one file
  bool quiet = false;         ///< only files that failed
  unsigned mutations = 0;     ///< of each record
  std::uint64_t seed = 1;     ///< of the mutations
};

/// What the parent knows of one file.
struct FileOutcome {
  std::size_t passed = 0;
  std::vector<SltFailure> failures;
  std::size_t memory_mb = 0;  ///< the most it held at once
};

class NodeTarget final : public ldb::test::SltTarget {
 public:
  NodeTarget() : node_(open(ldb::Node::open({}))) { connect("ldb"); }
  Result<ResultSet> run(std::string_view sql) override {
    ResultSet last;
    const ldb::Status status = session_->execute_script(sql, [&](ResultSet result) { last = std::move(result); });
    if (!status) return status;
    return last;
  }
  void connect(const std::string& database) override {
    ldb::SessionOptions options;
    options.database = database;
    session_ = std::make_unique<ldb::Session>(open(node_->session(options)));
  }
  void restart() override { connect(session_->database()); }  // what is in memory survives no more than a session's end

 private:
  template <class T>
  static T open(Result<T> result) {
    if (!result) {
      std::cerr << result.status().to_string() << "\n";
      std::exit(3);
    }
    return std::move(result).value();
  }
  std::unique_ptr<ldb::Node> node_;
  std::unique_ptr<ldb::Session> session_;
};

/// Runs broken versions of each statement behind it, within bounds that end what would take for ever.
class MutatingTarget final : public ldb::test::SltTarget {
 public:
  MutatingTarget(unsigned mutations, std::uint64_t seed) : mutations_(mutations), mutator_(seed) { set_bounds(); }
  Result<ResultSet> run(std::string_view sql) override {
    mutator_.learn(sql);
    auto result = node_.run(sql);
    for (unsigned i = 0; i < mutations_; ++i) {
      const std::string broken = mutator_.mutate(sql);
      if (trace_) std::cerr << broken << "\n";
      const ldb::Status status = node_.run(broken).status();
      if (status.code() == ldb::StatusCode::kInternal || status.code() == ldb::StatusCode::kCorruption) {
        internal_error_ = broken + "\n" + status.to_string();
      }
    }
    set_bounds();
    return result;
  }
  void connect(const std::string& database) override {
    node_.connect(database);
    set_bounds();
  }
  void restart() override { connect("ldb"); }

  std::string take_internal_error() { return std::exchange(internal_error_, {}); }

 private:
  void set_bounds() {
    (void)node_.run("ROLLBACK; SET statement_timeout = 500; SET max_statement_memory = '200MB'; SET search_path = public");
  }

  NodeTarget node_;
  unsigned mutations_;
  ldb::test::SqlMutator mutator_;
  const bool trace_ = std::getenv("LDB_TRACE") != nullptr;  // to see the statement that a process dies of
  std::string internal_error_;
};

/// Child to parent: fields of length and bytes. 'B' line, 'P', 'F' line sql expected got bucket.
void send(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n <= 0) std::_Exit(4);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}
void put(std::string& out, std::string_view field) {
  constexpr std::size_t kMaxField = 16384;
  field = field.substr(0, kMaxField);
  out += std::to_string(field.size()) + ":";
  out += field;
}

void limit_process(const Arguments& arguments) {
  if (arguments.memory_mb > 0) {
    const rlim_t bytes = rlim_t{arguments.memory_mb} << 20;
    const rlimit limit{bytes, bytes};
    if (::setrlimit(RLIMIT_AS, &limit) != 0) std::_Exit(5);
  }
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::alarm(arguments.time_s);
}

[[noreturn]] void run_child(const std::string& file, int fd) {
  std::size_t failures = 0;
  ldb::test::SltOptions options;
  options.numbers_alike = true;
  options.before = [&](std::size_t line) {
    std::string out;
    put(out, "B");
    put(out, std::to_string(line));
    send(fd, out);
  };
  options.after = [&](const SltReport& report) {
    std::string out;
    if (report.failures.size() == failures) {
      put(out, "P");
    } else {
      const SltFailure& failure = report.failures[failures++];
      put(out, "F");
      for (const std::string& field :
           {std::to_string(failure.line), failure.sql, failure.expected, failure.got, failure.bucket}) {
        put(out, field);
      }
    }
    send(fd, out);
  };
  {
    NodeTarget target;
    run_slt_file(file, target, options);
  }
  std::exit(0);
}

/// As run_child, for --mutate: every record passes, unless an internal error came up.
[[noreturn]] void run_mutations(const std::string& file, const Arguments& arguments, int fd) {
  {
    MutatingTarget target(arguments.mutations, arguments.seed);
    ldb::test::SltOptions options;
    std::size_t line = 0;
    options.before = [&](std::size_t at) {
      line = at;
      std::string out;
      put(out, "B");
      put(out, std::to_string(at));
      send(fd, out);
    };
    options.after = [&](const SltReport&) {
      const std::string error = target.take_internal_error();
      std::string out;
      put(out, error.empty() ? "P" : "F");
      if (!error.empty()) {
        for (const std::string& field :
             {std::to_string(line), error, std::string(), std::string(), std::string("internal error")}) {
          put(out, field);
        }
      }
      send(fd, out);
    };
    run_slt_file(file, target, options);
  }
  std::exit(0);
}

std::string read_all(int fd) {
  std::string all;
  char buffer[65536];
  for (ssize_t n = 0; (n = ::read(fd, buffer, sizeof buffer)) > 0;) all.append(buffer, static_cast<std::size_t>(n));
  return all;
}

/// False at the end, which a child that died may have left in the middle of a field.
bool take(std::string_view& in, std::string& field) {
  const std::size_t colon = in.find(':');
  if (colon == std::string_view::npos) return false;
  const std::size_t size = std::stoul(std::string(in.substr(0, colon)));
  if (in.size() - colon - 1 < size) return false;
  field = in.substr(colon + 1, size);
  in.remove_prefix(colon + 1 + size);
  return true;
}

std::string death(int status) {
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    if (signal == SIGALRM) return "out of time";
    return std::string("killed by a signal: ") + ::strsignal(signal);
  }
  return WEXITSTATUS(status) == 0 ? "" : "exit code " + std::to_string(WEXITSTATUS(status));
}

FileOutcome run_file(const std::string& file, const Arguments& arguments) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error("pipe");
  std::cout.flush();
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("fork");
  if (child == 0) {
    ::close(ends[0]);
    limit_process(arguments);
    if (arguments.mutations > 0) run_mutations(file, arguments, ends[1]);
    run_child(file, ends[1]);
  }
  ::close(ends[1]);
  const std::string answer = read_all(ends[0]);
  ::close(ends[0]);
  int status = 0;
  rusage used{};
  ::wait4(child, &status, 0, &used);

  FileOutcome outcome;
  outcome.memory_mb = static_cast<std::size_t>(used.ru_maxrss) >> 10;
  std::string_view in = answer;
  std::string line = "0";
  for (std::string kind; take(in, kind);) {
    if (kind == "B") {
      if (!take(in, line)) break;
    } else if (kind == "P") {
      ++outcome.passed;
    } else {
      SltFailure failure;
      failure.file = file;
      std::string at;
      if (!take(in, at) || !take(in, failure.sql) || !take(in, failure.expected) || !take(in, failure.got) ||
          !take(in, failure.bucket)) {
        break;
      }
      failure.line = std::stoul(at);
      outcome.failures.push_back(std::move(failure));
    }
  }
  if (const std::string how = death(status); !how.empty()) {
    outcome.failures.push_back({file, std::stoul(line), "", "", how, "DIED: " + how});
  }
  return outcome;
}

std::vector<std::string> files_of(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    if (!std::filesystem::is_directory(path)) {
      files.push_back(path);
      continue;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
      if (entry.is_regular_file() && entry.path().extension() == ".slt") files.push_back(entry.path().string());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

void print_buckets(const std::vector<SltFailure>& failures) {
  std::map<std::string, std::vector<const SltFailure*>> buckets;
  for (const SltFailure& failure : failures) buckets[failure.bucket].push_back(&failure);
  std::vector<std::pair<std::size_t, std::string>> order;
  for (const auto& [bucket, members] : buckets) order.emplace_back(members.size(), bucket);
  std::sort(order.rbegin(), order.rend());
  for (const auto& [count, bucket] : order) {
    const SltFailure& first = *buckets[bucket].front();
    std::cout << count << "\t" << bucket << "   e.g. " << first.file << ":" << first.line << "\n";
  }
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Runs sqllogictest files, each against a node of its own.");
  app.add_option("paths", arguments.paths, "files, or folders of .slt files")->required()->check(CLI::ExistingPath);
  app.add_option("--details", arguments.details, "file to write every failure to");
  app.add_option("--memory-mb", arguments.memory_mb, "of address space for one file, 0: no bound")->capture_default_str();
  app.add_option("--time-s", arguments.time_s, "for one file")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--mutate", arguments.mutations, "broken versions of each record, to look for crashes")->capture_default_str();
  app.add_option("--seed", arguments.seed, "of the broken versions")->capture_default_str();
  app.add_flag("--quiet", arguments.quiet, "print only files that failed");
  CLI11_PARSE(app, argc, argv);
  const std::vector<std::string> files = files_of(arguments.paths);
  std::size_t passed = 0;
  std::size_t clean = 0;
  std::vector<SltFailure> failures;
  for (const std::string& file : files) {
    const auto start = std::chrono::steady_clock::now();
    FileOutcome outcome = run_file(file, arguments);
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
    passed += outcome.passed;
    if (outcome.failures.empty()) ++clean;
    if (!arguments.quiet || !outcome.failures.empty()) {
      std::cout << outcome.passed << " passed, " << outcome.failures.size() << " failed, " << took.count() << " ms, "
                << outcome.memory_mb << " MB  " << file << "\n";
    }
    for (SltFailure& failure : outcome.failures) failures.push_back(std::move(failure));
  }
  print_buckets(failures);
  if (!arguments.details.empty()) {
    std::ofstream out(arguments.details);
    for (const SltFailure& f : failures) {
      out << "== " << f.bucket << "\n"
          << f.file << ":" << f.line << "\n"
          << f.sql << "-- expected\n"
          << f.expected << "-- got\n"
          << f.got << "\n";
    }
  }
  const std::size_t total = passed + failures.size();
  std::cout << passed << " of " << total << " records passed ("
            << (total == 0 ? 0.0 : 100.0 * static_cast<double>(passed) / static_cast<double>(total)) << " %), " << clean << " of "
            << files.size() << " files clean\n";
  return failures.empty() && total > 0 ? 0 : 1;
}
