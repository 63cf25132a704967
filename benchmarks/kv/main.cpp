// Is ldb's storage engine faster than what a user would pick instead? Runs the same workloads on ldb, ldb through a node, RocksDB
// (three settings), LevelDB and LMDB, each in a process of its own, rounds interleaved (each begins with another engine); prints
// one JSON line per (engine, workload) with the median of the rounds, then a table of ratios.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>

#include "workloads.hpp"

namespace {

namespace fs = std::filesystem;

struct Arguments {
  bench::WorkloadConfig workload;
  int rounds = 3;
  std::vector<std::string> engines = bench::engines_built();
  std::vector<std::string> workloads;
  std::string directory = (fs::temp_directory_path() / ("bench-kv-" + std::to_string(getpid()))).string();
  std::string child;  ///< engine to run in this process
};

/// Exit code of a command line that asks for help or makes no sense.
std::optional<int> parse(int argc, char** argv, Arguments& arguments) {
  CLI::App app("The same workloads on ldb and on other storage engines, each in a process of its own, rounds interleaved.");
  bench::WorkloadConfig& workload = arguments.workload;
  app.add_option("--entries", workload.entries, "pairs put by each workload")->capture_default_str()->check(CLI::PositiveNumber);
  auto* const reads =
      app.add_option("--reads", workload.reads, "point reads; at most the entries unless given")->capture_default_str();
  auto* const scans =
      app.add_option("--scans", workload.scans, "at most a tenth of the entries unless given")->capture_default_str();
  app.add_option("--rounds", arguments.rounds, "medians are over these")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--engines", arguments.engines, "which, separated by commas")
      ->delimiter(',')
      ->capture_default_str()
      ->check(CLI::IsMember(bench::engines_built()));
  app.add_option("--workloads", arguments.workloads,
                 "which, separated by commas; all but the long ones (write_amplification, sustained) unless given")
      ->delimiter(',')
      ->check(CLI::IsMember(bench::workload_names()));
  app.add_option("--mixed-seconds", workload.mixed_seconds, "of readwhilewriting")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--seconds", workload.sustained_seconds, "of sustained")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--directory", arguments.directory, "where the data goes")->capture_default_str();
  app.add_option("--seed", workload.seed, "of the first round");
  app.add_option("--child", arguments.child)->group("");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
  if (reads->empty()) workload.reads = std::min(workload.reads, workload.entries);
  if (scans->empty()) workload.scans = std::min(workload.scans, workload.entries / 10);
  const auto& workloads = arguments.workloads;
  if (workloads.size() > 1 && std::find(workloads.begin(), workloads.end(), "sustained") != workloads.end())
    bench::fail("sustained is a run of its own");
  return std::nullopt;
}

void run_child(const Arguments& arguments) {
  for (const bench::Measurement& m :
       bench::run_workloads(arguments.child, arguments.directory, arguments.workload, arguments.workloads)) {
    std::cout << m.workload << ' ' << m.ops_per_s << ' ' << m.cpu_us_per_op << ' ' << m.p99_us << ' ' << m.value << std::endl;
  }
}

using Rounds = std::map<std::pair<std::string, std::string>, std::vector<bench::Measurement>>;  // (engine, workload)

void run_engine(const std::string& self, const Arguments& arguments, const std::string& engine, int round, Rounds& rounds) {
  const std::string directory = arguments.directory + "/" + engine;
  fs::remove_all(directory);
  sync();  // what the one before wrote and removed is its own
  fs::create_directories(directory);
  std::string command = self + " --child " + engine + " --directory " + directory + " --entries " +
                        std::to_string(arguments.workload.entries) + " --reads " + std::to_string(arguments.workload.reads) +
                        " --scans " + std::to_string(arguments.workload.scans) + " --mixed-seconds " +
                        std::to_string(arguments.workload.mixed_seconds) + " --seconds " +
                        std::to_string(arguments.workload.sustained_seconds) + " --seed " +
                        std::to_string(arguments.workload.seed + static_cast<std::uint64_t>(round));
  if (!arguments.workloads.empty()) {
    command += " --workloads";
    for (char separator = ' '; const std::string& workload : arguments.workloads) {
      command += separator + workload;
      separator = ',';
    }
  }
  FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) bench::fail("popen");
  char line[512];
  while (std::fgets(line, sizeof line, pipe) != nullptr) {
    std::istringstream stream(line);
    bench::Measurement m;
    if (stream >> m.workload >> m.ops_per_s >> m.cpu_us_per_op >> m.p99_us >> m.value) rounds[{engine, m.workload}].push_back(m);
  }
  if (pclose(pipe) != 0) bench::fail(engine + " failed");
  fs::remove_all(directory);
}

template <class Field>
double median(const std::vector<bench::Measurement>& measurements, Field field) {
  std::vector<double> values;
  for (const auto& m : measurements) values.push_back(m.*field);
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

/// Speeds are the higher the better; the rest (sizes, times) the lower. A ratio above 1 is in ldb's favour either way.
void print_ratios(const Rounds& rounds, const std::vector<std::string>& engines) {
  std::vector<std::string> workloads;
  for (const auto& [key, m] : rounds) {
    if (key.first == "ldb") workloads.push_back(key.second);
  }
  std::cout << "\nRatios, ldb to each engine (above 1: ldb is better)\n"
            << std::left << std::setw(26) << "workload" << std::right;
  for (const std::string& engine : engines) std::cout << std::setw(15) << engine;
  std::cout << '\n' << std::fixed << std::setprecision(2);
  for (const std::string& workload : workloads) {
    std::cout << std::left << std::setw(26) << workload << std::right;
    const auto& own = rounds.at({"ldb", workload});
    const bool speed = own.front().ops_per_s > 0;
    for (const std::string& engine : engines) {
      const auto found = rounds.find({engine, workload});
      if (found == rounds.end()) {
        std::cout << std::setw(15) << "-";
      } else if (speed) {
        std::cout << std::setw(15)
                  << median(own, &bench::Measurement::ops_per_s) / median(found->second, &bench::Measurement::ops_per_s);
      } else {
        std::cout << std::setw(15) << median(found->second, &bench::Measurement::value) / median(own, &bench::Measurement::value);
      }
    }
    std::cout << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (const auto exit_code = parse(argc, argv, arguments)) return *exit_code;
  if (!arguments.child.empty()) {
    run_child(arguments);
    return 0;
  }
  const std::string self = fs::read_symlink("/proc/self/exe").string();
  Rounds rounds;
  for (int round = 0; round < arguments.rounds; ++round) {
    for (std::size_t i = 0; i < arguments.engines.size(); ++i) {
      const std::string& engine = arguments.engines[(static_cast<std::size_t>(round) + i) % arguments.engines.size()];
      run_engine(self, arguments, engine, round, rounds);
    }
  }
  fs::remove_all(arguments.directory);
  for (const auto& [key, m] : rounds) {
    std::cout << "{\"benchmark\": \"kv\", \"engine\": \"" << key.first << "\", \"workload\": \"" << key.second
              << "\", \"entries\": " << arguments.workload.entries << ", \"rounds\": " << m.size()
              << ", \"ops_per_s\": " << median(m, &bench::Measurement::ops_per_s)
              << ", \"cpu_us_per_op\": " << median(m, &bench::Measurement::cpu_us_per_op)
              << ", \"p99_us\": " << median(m, &bench::Measurement::p99_us)
              << ", \"value\": " << median(m, &bench::Measurement::value) << "}\n";
  }
  print_ratios(rounds, arguments.engines);
  return 0;
}
