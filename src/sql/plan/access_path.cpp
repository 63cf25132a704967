// Which key range of a table or an index a filtered scan reads.
#include <algorithm>

#include "sql/plan/optimizer.hpp"

namespace ldb::sql {
namespace {

/// `column op value` with a value that is the same for all rows, and that encodes as the column does.
struct Sargable {
  CompareOp op;
  Ordinal ordinal;
  const Expression* value;
  std::size_t conjunct;
};

CompareOp flip(CompareOp op) {
  switch (op) {
    case CompareOp::kLess:
      return CompareOp::kGreater;
    case CompareOp::kLessEqual:
      return CompareOp::kGreaterEqual;
    case CompareOp::kGreater:
      return CompareOp::kLess;
    case CompareOp::kGreaterEqual:
      return CompareOp::kLessEqual;
    default:
      return op;
  }
}

bool is_row_independent(const Expression& e) { return columns_of(e).empty() && !is_volatile(e) && !has_subplan(e); }

bool same_key_form(TypeId column, TypeId value) {
  if (column == value) return true;
  const auto integer = [](TypeId id) { return id == TypeId::kSmallInt || id == TypeId::kInteger || id == TypeId::kBigInt; };
  const auto text = [](TypeId id) { return id == TypeId::kText || id == TypeId::kVarchar; };
  return (integer(column) && integer(value)) || (text(column) && text(value));
}

std::vector<Sargable> find_sargable(const LogicalScan& scan, const std::vector<ExpressionPtr>& conjuncts) {
  std::vector<Sargable> found;
  const auto ordinal_of = [&](const Expression& e) -> std::optional<Ordinal> {
    const auto* column = e.as<ColumnReference>();
    if (column == nullptr) return std::nullopt;
    for (std::size_t i = 0; i < scan.output.size(); ++i) {
      if (scan.output[i].number == column->column && scan.ordinals[i] != LogicalScan::kRowKey) return scan.ordinals[i];
    }
    return std::nullopt;
  };
  for (std::size_t i = 0; i < conjuncts.size(); ++i) {
    const auto* comparison = conjuncts[i]->as<Comparison>();
    if (comparison == nullptr || comparison->op == CompareOp::kNotEqual) continue;
    for (int side = 0; side < 2; ++side) {
      const Expression& column = *comparison->children[static_cast<std::size_t>(side)];
      const Expression& value = *comparison->children[static_cast<std::size_t>(1 - side)];
      const auto ordinal = ordinal_of(column);
      if (!ordinal || !is_row_independent(value)) continue;
      if (!same_key_form(scan.table->columns[*ordinal].type.id, value.type.id)) continue;
      found.push_back({side == 0 ? comparison->op : flip(comparison->op), *ordinal, &value, i});
      break;
    }
  }
  return found;
}

struct Candidate {
  AccessPath path;
  double score = 0;  // higher is better
};

Candidate make_candidate(const std::vector<Sargable>& sargable, const std::vector<Ordinal>& columns,
                         const std::vector<KeyColumn>& key) {
  Candidate candidate;
  std::size_t place = 0;
  for (; place < columns.size(); ++place) {
    const auto equal = std::find_if(sargable.begin(), sargable.end(),
                                    [&](const Sargable& s) { return s.op == CompareOp::kEqual && s.ordinal == columns[place]; });
    if (equal == sargable.end()) break;
    candidate.path.equal.push_back(clone(*equal->value));
    candidate.score += 10;
  }
  if (place < columns.size() && !key[place].descending && !key[place].nulls_first) {
    for (const Sargable& s : sargable) {
      if (s.ordinal != columns[place]) continue;
      const bool lower = s.op == CompareOp::kGreater || s.op == CompareOp::kGreaterEqual;
      const bool upper = s.op == CompareOp::kLess || s.op == CompareOp::kLessEqual;
      KeyBound& bound = lower ? candidate.path.lower : candidate.path.upper;
      if ((!lower && !upper) || bound.value) continue;
      bound.value = clone(*s.value);
      bound.inclusive = s.op == CompareOp::kGreaterEqual || s.op == CompareOp::kLessEqual;
      candidate.score += 3;
    }
  }
  candidate.path.is_point = place == columns.size();
  return candidate;
}

void choose(LogicalScan& scan, const std::vector<ExpressionPtr>& conjuncts) {
  const std::vector<Sargable> sargable = find_sargable(scan, conjuncts);
  if (sargable.empty()) return;
  Candidate best;
  if (!scan.table->has_hidden_key()) {
    best = make_candidate(sargable, scan.table->key_columns, scan.table->key);
    best.path.kind = AccessPath::Kind::kKey;
    best.score += best.score > 0 ? 2 : 0;  // reaches the rows directly
    if (best.path.is_point) best.score += 100;
  }
  for (const Index& index : scan.table->indexes) {
    if (!index.ready) continue;
    Candidate candidate = make_candidate(sargable, index.columns, index.key);
    candidate.path.kind = AccessPath::Kind::kIndex;
    candidate.path.index = index.id;
    candidate.path.is_point = candidate.path.is_point && index.unique;
    if (candidate.path.is_point) candidate.score += 90;
    // A range over most of the table is slower through an index; without statistics only equalities and closed ranges are
    // trusted.
    const bool narrow = !candidate.path.equal.empty() || (candidate.path.lower.value && candidate.path.upper.value);
    if (narrow && candidate.score > best.score) best = std::move(candidate);
  }
  if (best.score > 0) scan.path = std::move(best.path);
}

}  // namespace

/// The conjuncts stay in the filter above: an index only narrows what is read.
void choose_access_paths(LogicalPtr& plan) {
  if (auto* filter = plan->as<LogicalFilter>()) {
    if (auto* scan = plan->children[0]->as<LogicalScan>()) choose(*scan, filter->conjuncts);
  }
  for (LogicalPtr& child : plan->children) choose_access_paths(child);
}

}  // namespace ldb::sql
