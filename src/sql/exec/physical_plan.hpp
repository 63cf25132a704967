// Physical plans and operators: a plan is immutable and may be run many times, by several threads; an operator is one run of one
// node.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sql/expr/batch.hpp"
#include "sql/expr/expression.hpp"
#include "sql/plan/logical_plan.hpp"

namespace ldb::sql {

struct ExecContext;

/// One run of a plan node. Pull: next() until it returns false. One thread; must not outlive its context.
class Operator {
 public:
  virtual ~Operator() = default;
  /// Fills `out` (whatever it held before) with the next rows, at least one; false at the end, and then for ever.
  virtual Result<bool> next(Batch& out) = 0;
};

/// What EXPLAIN ANALYZE shows of one node.
struct OperatorStatistics {
  std::uint64_t rows = 0;
  std::uint64_t loops = 0;
  std::int64_t time_ns = 0;
};

struct PhysicalPlan {
  std::vector<std::unique_ptr<PhysicalPlan>> children;
  std::vector<DataType> types;  ///< of the output columns
  double rows = 0;              ///< estimated

  virtual ~PhysicalPlan() = default;
  /// "Hash Join", as EXPLAIN names it.
  virtual std::string name() const = 0;
  /// Further lines: "Filter: ...".
  virtual std::vector<std::string> details() const { return {}; }
  virtual std::unique_ptr<Operator> make_operator(ExecContext& context) const = 0;
};
using PhysicalPtr = std::unique_ptr<PhysicalPlan>;

/// Starts a node: make_operator(), measured when the statement is analyzed.
std::unique_ptr<Operator> open(const PhysicalPlan& plan, ExecContext& context);

struct PhysicalSubplan {
  SubplanKind kind = SubplanKind::kScalar;
  CompareOp op = CompareOp::kEqual;
  std::size_t operand_count = 0;
  std::vector<std::size_t> slots;
  bool single_row = false;
  bool is_volatile = false;             ///< runs again for each row even if the outer values are the same (unless there are none)
  std::vector<std::size_t> recursions;  ///< whose working tables it reads: what it gave is void after each of their steps
  PhysicalPtr plan;                     ///< null: became a join
};
struct PhysicalCommonTable {
  std::string name;
  PhysicalPtr plan;
  bool has_side_effects = false;        ///< runs to its end, whoever reads it
  std::vector<std::size_t> recursions;  ///< as of a subplan; never its own
};

/// A statement ready to run. Immutable.
struct PhysicalStatement {
  PhysicalPtr root;
  std::vector<PhysicalSubplan> subplans;
  std::vector<PhysicalCommonTable> ctes;
  std::vector<OutputColumn> output;
  std::vector<DataType> parameter_types;
  std::size_t slot_count = 0;
  std::vector<std::shared_ptr<const Table>> written;  ///< targets of INSERT, UPDATE, DELETE
  /// Writes wait for the end of the statement, so that no part of it sees what another wrote.
  bool defer_writes = false;
};

/// "Seq Scan on t ..." with indentation, one line each; `measured` adds actuals of the run in `context`.
std::vector<std::string> explain(const PhysicalStatement& statement, const ExecContext* measured);

}  // namespace ldb::sql
