// Is ldb's storage engine faster than what a user would pick instead? Runs the same workloads on ldb, ldb through a node, RocksDB
// (two settings), LevelDB and LMDB, each in a process of its own, rounds interleaved; prints one JSON line per (engine, workload)
// with the median of the rounds, then a table of ratios.
//   bench_kv [--entries N] [--reads N] [--rounds N] [--engines a,b] [--workloads a,b] [--seconds N] [--directory D]
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <map>
#include <sstream>

#include "workloads.hpp"

namespace {

namespace fs = std::filesystem;

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

struct Arguments {
  bench::WorkloadConfig workload;
  int rounds = 3;
  std::vector<std::string> engines = bench::engines_built();
  std::vector<std::string> workloads;
  std::string directory = (fs::temp_directory_path() / ("bench-kv-" + std::to_string(getpid()))).string();
  std::string child;  ///< engine to run in this process
};

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const std::string value = argv[i + 1];
    if (name == "--entries") {
      arguments.workload.entries = std::stoull(value);
      arguments.workload.reads = std::min<std::uint64_t>(arguments.workload.reads, arguments.workload.entries);
      arguments.workload.scans = std::min<std::uint64_t>(arguments.workload.scans, arguments.workload.entries / 10);
    } else if (name == "--rounds") {
      arguments.rounds = std::stoi(value);
    } else if (name == "--engines") {
      arguments.engines = split(value);
    } else if (name == "--workloads") {
      arguments.workloads = split(value);
    } else if (name == "--directory") {
      arguments.directory = value;
    } else if (name == "--child") {
      arguments.child = value;
    } else if (name == "--seconds") {
      arguments.workload.sustained_seconds = std::stoull(value);
    } else if (name == "--reads") {
      arguments.workload.reads = std::stoull(value);
    } else if (name == "--seed") {
      arguments.workload.seed = std::stoull(value);
    } else {
      bench::fail("unknown option " + name);
    }
  }
  const std::vector<std::string>& known = bench::workload_names();
  for (const std::string& workload : arguments.workloads) {
    if (std::find(known.begin(), known.end(), workload) == known.end()) bench::fail("no workload " + workload);
    if (workload == "sustained" && arguments.workloads.size() > 1) bench::fail("sustained is a run of its own");
  }
  return arguments;
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
  fs::create_directories(directory);
  std::string command = self + " --child " + engine + " --directory " + directory + " --entries " +
                        std::to_string(arguments.workload.entries) + " --reads " + std::to_string(arguments.workload.reads) +
                        " --seconds " + std::to_string(arguments.workload.sustained_seconds) + " --seed " +
                        std::to_string(round + 1);
  if (!arguments.workloads.empty()) {
    command += " --workloads ";
    for (const std::string& workload : arguments.workloads) command += workload + ",";
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
  const Arguments arguments = parse(argc, argv);
  if (!arguments.child.empty()) {
    run_child(arguments);
    return 0;
  }
  const std::string self = fs::read_symlink("/proc/self/exe").string();
  Rounds rounds;
  for (int round = 0; round < arguments.rounds; ++round) {
    for (const std::string& engine : arguments.engines) run_engine(self, arguments, engine, round, rounds);
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
