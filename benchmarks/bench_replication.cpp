// What does replication cost a writer, and how soon do the others show a write? Commits per second of one node alone and of one
// among three (others idle; then all three writing), and the time from an acknowledged write until both others show it. Rounds
// are interleaved, medians printed, one JSON object.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <iomanip>
#include <map>
#include <string>
#include <thread>

#include "ldb/ldb.hpp"
#include "measure.hpp"

namespace {

namespace fs = std::filesystem;
using bench::must;

struct Settings {
  int commits = 2000;
  int rounds = 3;
  int visible_samples = 200;
  ldb::SyncPolicy sync = ldb::SyncPolicy::kSync;
};

constexpr int kThreads = 2;

ldb::Session session_on(ldb::Node& node, const Settings& settings) {
  ldb::SessionOptions options;
  options.sync = settings.sync;
  return must(node.session(options), "session");
}

/// Commits of one row each by `kThreads` threads on each of `writers`; commits per second in all.
double write_rate(const std::vector<ldb::Node*>& writers, const Settings& settings, int round) {
  const double start = bench::now_ms();
  std::vector<std::thread> threads;
  for (std::size_t w = 0; w < writers.size(); ++w) {
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, w, t] {
        ldb::Session session = session_on(*writers[w], settings);
        auto insert = must(session.prepare("INSERT INTO t VALUES ($1, $2)"), "prepare");
        for (int i = 0; i < settings.commits / kThreads; ++i) {
          const std::int64_t id = ((round * 16LL + static_cast<std::int64_t>(w)) * kThreads + t) * 10'000'000 + i;
          must(insert.execute(id, "some text that a row would hold").error(), "insert");
        }
      });
    }
  }
  for (std::thread& thread : threads) thread.join();
  return static_cast<double>(writers.size()) * settings.commits / (bench::now_ms() - start) * 1000;
}

std::unique_ptr<ldb::LocalCluster> start_cluster(std::size_t nodes, const fs::path& directory) {
  ldb::LocalClusterOptions options;
  options.nodes = nodes;
  options.directory = directory.string();
  auto cluster = must(ldb::LocalCluster::start(std::move(options)), "start");
  must(cluster->node(0).execute("CREATE TABLE t (id BIGINT PRIMARY KEY, name TEXT)").error(), "create");
  must(cluster->wait_converged(), "converge");
  return cluster;
}

/// Milliseconds from the acknowledgement of a write until the slowest other node shows it.
double time_to_show(ldb::LocalCluster& cluster, const Settings& settings, int sample) {
  const std::string key = "probe" + std::to_string(sample);
  must(cluster.node(0).kv().put(key, "x", settings.sync), "put");
  const double start = bench::now_ms();
  for (std::size_t i = 1; i < cluster.size(); ++i) {
    while (!must(cluster.node(i).kv().get(key), "get")) {
      if (bench::now_ms() - start > 30'000) must(ldb::Status(ldb::StatusCode::kTimeout, "the write never showed"), "wait");
      std::this_thread::yield();
    }
  }
  return bench::now_ms() - start;
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  const std::map<std::string, ldb::SyncPolicy> policies{
      {"none", ldb::SyncPolicy::kNone}, {"os", ldb::SyncPolicy::kOs}, {"sync", ldb::SyncPolicy::kSync}};
  CLI::App app("What does replication cost a writer, and how soon do the others show a write?");
  app.add_option("--commits", settings.commits, "of each writing thread and round")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--rounds", settings.rounds, "medians are over these")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--sync", settings.sync, "what a commit waits for")->transform(CLI::CheckedTransformer(policies));
  CLI11_PARSE(app, argc, argv);
  const fs::path work = fs::temp_directory_path() / ("ldb-bench-replication-" + std::to_string(getpid()));
  std::vector<double> alone_rates;
  std::vector<double> one_of_three_rates;
  std::vector<double> all_three_rates;
  std::vector<double> show_times;
  {
    const auto alone = start_cluster(1, work / "alone");
    const auto three = start_cluster(3, work / "three");
    std::vector<ldb::Node*> all{&three->node(0), &three->node(1), &three->node(2)};
    for (int round = 0; round < settings.rounds; ++round) {
      alone_rates.push_back(write_rate({&alone->node(0)}, settings, 3 * round));
      one_of_three_rates.push_back(write_rate({all[0]}, settings, 3 * round + 1));
      must(three->wait_converged(), "converge");
      all_three_rates.push_back(write_rate(all, settings, 3 * round + 2));
      must(three->wait_converged(), "converge");
    }
    for (int sample = 0; sample < settings.visible_samples; ++sample)
      show_times.push_back(time_to_show(*three, settings, sample));
  }
  std::sort(show_times.begin(), show_times.end());
  const double alone = bench::median(alone_rates);
  std::cout << std::fixed << std::setprecision(2) << "{\"benchmark\": \"replication\", \"threads_per_node\": " << kThreads
            << ", \"commits_per_s_alone\": " << alone << ", \"commits_per_s_one_of_three\": " << bench::median(one_of_three_rates)
            << ", \"commits_per_s_all_three\": " << bench::median(all_three_rates)
            << ", \"ratio_one_of_three\": " << bench::median(one_of_three_rates) / alone
            << ", \"show_ms_median\": " << bench::median(show_times)
            << ", \"show_ms_p99\": " << show_times[show_times.size() * 99 / 100] << "}\n";
  fs::remove_all(work);
  return 0;
}
