// EXPLAIN's text form.
#include <cmath>
#include <cstdio>

#include "sql/exec/exec_context.hpp"

namespace ldb::sql {
namespace {

void explain_node(const PhysicalPlan& plan, std::size_t depth, const ExecContext* measured, std::vector<std::string>& lines) {
  char numbers[160];
  std::snprintf(numbers, sizeof numbers, "  (rows=%.0f)", std::max(0.0, std::round(plan.rows)));
  std::string line = std::string(depth == 0 ? 0 : depth * 6 - 4, ' ') + (depth == 0 ? "" : "->  ") + plan.name() + numbers;
  if (measured != nullptr) {
    const auto found = measured->statistics.find(&plan);
    if (found == measured->statistics.end()) {
      line += " (never executed)";
    } else {
      std::snprintf(numbers, sizeof numbers, " (actual time=%.3f rows=%llu loops=%llu)",
                    static_cast<double>(found->second.time_ns) / 1e6, static_cast<unsigned long long>(found->second.rows),
                    static_cast<unsigned long long>(found->second.loops));
      line += numbers;
    }
  }
  lines.push_back(std::move(line));
  for (const std::string& detail : plan.details()) lines.push_back(std::string(depth * 6 + 2, ' ') + detail);
  for (const PhysicalPtr& child : plan.children) explain_node(*child, depth + 1, measured, lines);
}

}  // namespace

std::vector<std::string> explain(const PhysicalStatement& statement, const ExecContext* measured) {
  std::vector<std::string> lines;
  explain_node(*statement.root, 0, measured, lines);
  for (const PhysicalCommonTable& cte : statement.ctes) {
    if (!cte.plan) continue;
    lines.push_back("  CTE " + cte.name);
    explain_node(*cte.plan, 1, measured, lines);
  }
  for (std::size_t i = 0; i < statement.subplans.size(); ++i) {
    if (!statement.subplans[i].plan) continue;
    lines.push_back("  SubPlan " + std::to_string(i + 1));
    explain_node(*statement.subplans[i].plan, 1, measured, lines);
  }
  return lines;
}

}  // namespace ldb::sql
