// Three nodes in a simulated world, started, crashed and restarted under load.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/rt/rt.hpp"
#include "ldb/ldb.hpp"
#include "ldb/sim.hpp"

namespace simulate {

/// The nodes and who may use them when: users hold a node shared, whoever ends one holds it alone. Any simulated thread.
class Cluster {
 public:
  Cluster(ldb::sim::World& world, std::size_t nodes);
  ~Cluster();

  std::size_t size() const { return members_.size(); }
  const ldb::NodeId& id(std::size_t index) const { return members_[index]->id; }

  /// Calls `use` with the node while it is running; false when it is not.
  bool with_node(std::size_t index, const std::function<void(ldb::Node&)>& use);
  bool running(std::size_t index);

  enum class End { kPowerLoss, kKill, kClose };
  void stop(std::size_t index, End how);
  /// Starts a stopped node on what its disk holds; its failure to open ends the run.
  void start(std::size_t index);
  /// The machine's disk fails some of its calls, or is full at times, until this is called with false.
  void set_bad_disk(std::size_t index, bool bad);
  /// In one run of four no log is cut and no disk may be lost, so that no node needs a copy of another's whole state: one that
  /// has copied has not seen the conflicts happen, and its record of them cannot be checked.
  bool keeps_history() const { return keeps_history_; }
  /// Names the place of a node's data on its machine's disk.
  static constexpr const char* kDirectory = "data";

 private:
  struct Member {
    ldb::NodeId id;
    ldb::FileFaults disk;  ///< of a disk that works
    ldb::rt::SharedMutex in_use;
    std::unique_ptr<ldb::Node> node;
  };

  /// Counts what only the log tells.
  class Log final : public ldb::LogSink {
   public:
    explicit Log(ldb::sim::World& world) : world_(world) {}
    void log(ldb::LogLevel level, std::string_view module, std::string_view message) override;

   private:
    ldb::sim::World& world_;
  };

  ldb::sim::World& world_;
  const bool keeps_history_;
  Log log_;
  std::vector<std::unique_ptr<Member>> members_;
};

}  // namespace simulate
