#include "sql/exec/join.hpp"

#include <algorithm>

#include "sql/exec/exec_context.hpp"
#include "sql/expr/vector_ops.hpp"

namespace ldb::sql {
namespace {

constexpr std::uint32_t kNone = RowBuffer::kNoRow;

/// What the two in-memory joins share: pairs of rows are collected, filtered by the residual, and handed out batch by batch.
class PairJoin : public Operator {
 public:
  PairJoin(const JoinPlan& plan, ExecContext& context)
      : plan_(plan),
        context_(context),
        left_(open(*plan.children[0], context)),
        right_rows_(plan.children[1]->types, context.memory_use("a join")),
        memory_(context.memory_use("a join")) {}

  Result<bool> next(Batch& out) override {
    if (!built_) {
      LDB_TRY(run_to_end(*plan_.children[1], context_, [&](const Batch& batch) { return add_right(batch); }));
      LDB_TRY(finish_build());
      if (tracks_right()) right_matched_.assign(right_rows_.size(), false);
      built_ = true;
    }
    for (;;) {
      LDB_TRY(context_.check_interrupt());
      switch (phase_) {
        case Phase::kFetch: {
          LDB_ASSIGN_OR_RETURN(const bool more, left_->next(left_batch_));
          if (!more) {
            phase_ = tracks_right() ? Phase::kRightRest : Phase::kDone;
            continue;
          }
          left_batch_.compact();
          left_matched_.assign(left_batch_.row_count, false);
          left_dropped_.assign(left_batch_.row_count, false);
          LDB_TRY(start_probe(left_batch_));
          phase_ = Phase::kProbe;
          continue;
        }
        case Phase::kProbe: {
          left_pairs_.clear();
          right_pairs_.clear();
          const bool exhausted = !collect();
          LDB_ASSIGN_OR_RETURN(const bool any, emit_pairs(out));
          if (exhausted) phase_ = Phase::kLeftRest;
          if (any) return true;
          continue;
        }
        case Phase::kLeftRest:
          phase_ = Phase::kFetch;
          if (emit_left_rest(out)) return true;
          continue;
        case Phase::kRightRest:
          if (emit_right_rest(out)) return true;
          phase_ = Phase::kDone;
          continue;
        case Phase::kDone:
          return false;
      }
    }
  }

 protected:
  virtual Status add_right(const Batch& batch) { return right_rows_.append(batch); }
  virtual Status finish_build() { return {}; }
  virtual Status start_probe(const Batch& left) = 0;
  /// Appends candidate pairs (at most kBatchRows); false when the left batch has no more.
  virtual bool collect() = 0;
  /// kAnti, null-aware: rows that must not come out although nothing matched.
  void drop_left(std::size_t row) { left_dropped_[row] = true; }

  bool is_semi() const { return plan_.type == JoinType::kSemi || plan_.type == JoinType::kAnti; }
  bool tracks_right() const { return plan_.type == JoinType::kRight || plan_.type == JoinType::kFull; }

  const JoinPlan& plan_;
  ExecContext& context_;
  std::unique_ptr<Operator> left_;
  RowBuffer right_rows_;
  MemoryUse memory_;  // of what else is kept for each right row
  Batch left_batch_;
  std::vector<std::uint16_t> left_pairs_;
  std::vector<std::uint32_t> right_pairs_;
  std::vector<bool> left_matched_;
  bool residual_null_drops_ = false;

 private:
  enum class Phase : std::uint8_t { kFetch, kProbe, kLeftRest, kRightRest, kDone };

  void make_pairs(Batch& out) {
    const std::size_t left_width = left_batch_.columns.size();
    out.columns.resize(left_width + right_rows_.width());
    out.clear_selection();
    out.row_count = left_pairs_.size();
    for (std::size_t i = 0; i < left_width; ++i) out.columns[i].gather(left_batch_.columns[i], left_pairs_);
    right_rows_.gather_into(right_pairs_, out, left_width);
  }

  Result<bool> emit_pairs(Batch& out) {
    if (left_pairs_.empty()) return false;
    if (plan_.residual || !is_semi()) make_pairs(out);
    if (plan_.residual) {
      if (residual_null_drops_) {
        ColumnVector result;
        LDB_TRY(evaluate(*plan_.residual, out, context_, result));
        for (std::size_t i = 0; i < left_pairs_.size(); ++i) {
          if (result.is_null(i)) {
            drop_left(left_pairs_[i]);
          } else if (result.at<bool>(i)) {
            left_matched_[left_pairs_[i]] = true;
          }
        }
        return false;
      }
      LDB_TRY(filter(*plan_.residual, context_, out));
    } else if (is_semi()) {
      for (const std::uint16_t row : left_pairs_) left_matched_[row] = true;
      return false;
    }
    out.rows().for_each([&](std::size_t pair) {
      left_matched_[left_pairs_[pair]] = true;
      if (tracks_right()) right_matched_[right_pairs_[pair]] = true;
    });
    return !is_semi() && out.selected_count() > 0;
  }

  /// Left rows without a match (or, for a semi join, with one).
  bool emit_left_rest(Batch& out) {
    if (plan_.type == JoinType::kInner || plan_.type == JoinType::kRight) return false;
    const bool wanted = plan_.type == JoinType::kSemi;
    std::vector<std::uint16_t> rows;
    for (std::size_t row = 0; row < left_batch_.row_count; ++row) {
      if (left_matched_[row] == wanted && !left_dropped_[row]) rows.push_back(static_cast<std::uint16_t>(row));
    }
    if (rows.empty()) return false;
    const std::size_t left_width = left_batch_.columns.size();
    out.columns.resize(is_semi() ? left_width : left_width + right_rows_.width());
    out.clear_selection();
    out.row_count = rows.size();
    for (std::size_t i = 0; i < left_width; ++i) out.columns[i].gather(left_batch_.columns[i], rows);
    if (!is_semi()) right_rows_.gather_into(std::vector<std::uint32_t>(rows.size(), kNone), out, left_width);
    return true;
  }

  bool emit_right_rest(Batch& out) {
    std::vector<std::uint32_t> rows;
    for (; right_at_ < right_rows_.size() && rows.size() < kBatchRows; ++right_at_) {
      if (!right_matched_[right_at_]) rows.push_back(static_cast<std::uint32_t>(right_at_));
    }
    if (rows.empty()) return false;
    const auto& left_types = plan_.children[0]->types;
    out.columns.resize(left_types.size() + right_rows_.width());
    out.clear_selection();
    out.row_count = rows.size();
    for (std::size_t i = 0; i < left_types.size(); ++i) {
      out.columns[i].reset(left_types[i], rows.size());
      for (std::size_t row = 0; row < rows.size(); ++row) out.columns[i].set_null(row);
    }
    right_rows_.gather_into(rows, out, left_types.size());
    return true;
  }

  bool built_ = false;
  Phase phase_ = Phase::kFetch;
  std::vector<bool> left_dropped_;
  std::vector<bool> right_matched_;
  std::size_t right_at_ = 0;
};

class HashJoin final : public PairJoin {
 public:
  HashJoin(const HashJoinPlan& plan, ExecContext& context) : PairJoin(plan, context), hash_plan_(plan) {}

 protected:
  Status add_right(const Batch& batch) override {
    LDB_TRY(right_rows_.append(batch));
    std::vector<ColumnVector> keys;
    LDB_TRY(key_columns(hash_plan_.right_keys, batch, keys));
    if (right_keys_.width() == 0) {
      std::vector<DataType> types;
      for (const ExpressionPtr& e : hash_plan_.right_keys) types.push_back(e->type);
      right_keys_ = RowBuffer(std::move(types), context_.memory_use("a hash join"));
    }
    LDB_TRY(right_keys_.append(keys, batch.rows()));
    LDB_TRY(memory_.set(right_keys_.size() * kBytesPerRow));
    std::vector<std::uint64_t> hashes(kBatchRows);
    for (std::size_t i = 0; i < keys.size(); ++i) hash_elements(keys[i], batch.rows(), hashes, i != 0);
    batch.rows().for_each([&](std::size_t row) {
      const bool has_null = std::any_of(keys.begin(), keys.end(), [&](const ColumnVector& key) { return key.is_null(row); });
      right_has_null_ = right_has_null_ || has_null;
      hashes_.push_back(has_null ? 0 : hashes[row]);
      joinable_.push_back(!has_null);
    });
    return {};
  }

  Status finish_build() override {
    std::size_t buckets = 64;
    while (buckets < hashes_.size() * 2) buckets *= 2;
    heads_.assign(buckets, kNone);
    next_.assign(hashes_.size(), kNone);
    for (std::size_t row = hashes_.size(); row-- > 0;) {  // backwards, so that chains run in row order
      if (!joinable_[row]) continue;
      std::uint32_t& head = heads_[hashes_[row] & (buckets - 1)];
      next_[row] = head;
      head = static_cast<std::uint32_t>(row);
    }
    return {};
  }

  Status start_probe(const Batch& left) override {
    LDB_TRY(key_columns(hash_plan_.left_keys, left, left_keys_));
    left_hashes_.assign(kBatchRows, 0);
    for (std::size_t i = 0; i < left_keys_.size(); ++i) hash_elements(left_keys_[i], left.rows(), left_hashes_, i != 0);
    left_row_ = 0;
    chain_ = kNone;
    fresh_ = true;
    return {};
  }

  bool collect() override {
    while (left_row_ < left_batch_.row_count) {
      if (fresh_) {
        fresh_ = false;
        chain_ = kNone;
        const bool has_null =
            std::any_of(left_keys_.begin(), left_keys_.end(), [&](const ColumnVector& key) { return key.is_null(left_row_); });
        if (hash_plan_.null_aware && right_rows_.size() > 0 && (has_null || right_has_null_)) drop_left(left_row_);
        if (!has_null && !heads_.empty()) chain_ = heads_[left_hashes_[left_row_] & (heads_.size() - 1)];
      }
      while (chain_ != kNone) {
        const std::uint32_t right = chain_;
        chain_ = next_[right];
        if (hashes_[right] != left_hashes_[left_row_] || !keys_equal(right)) continue;
        left_pairs_.push_back(static_cast<std::uint16_t>(left_row_));
        right_pairs_.push_back(right);
        if (is_semi() && !plan_.residual) chain_ = kNone;  // one match is enough
        if (left_pairs_.size() == kBatchRows) return true;
      }
      ++left_row_;
      fresh_ = true;
    }
    return false;
  }

 private:
  /// A hash, two places in the table at least half full, one link, two flags.
  static constexpr std::size_t kBytesPerRow = sizeof(std::uint64_t) + (4 + 1) * sizeof(std::uint32_t) + 1;

  Status key_columns(const std::vector<ExpressionPtr>& expressions, const Batch& batch, std::vector<ColumnVector>& out) {
    out.resize(expressions.size());
    for (std::size_t i = 0; i < expressions.size(); ++i) LDB_TRY(evaluate(*expressions[i], batch, context_, out[i]));
    return {};
  }
  bool keys_equal(std::uint32_t right) const {
    for (std::size_t i = 0; i < left_keys_.size(); ++i) {
      if (compare_elements(left_keys_[i], left_row_, right_keys_.column(i), right) != 0) return false;
    }
    return true;
  }

  const HashJoinPlan& hash_plan_;
  RowBuffer right_keys_;
  std::vector<std::uint64_t> hashes_;
  std::vector<bool> joinable_;
  std::vector<std::uint32_t> heads_;
  std::vector<std::uint32_t> next_;
  bool right_has_null_ = false;
  std::vector<ColumnVector> left_keys_;
  std::vector<std::uint64_t> left_hashes_;
  std::size_t left_row_ = 0;
  std::uint32_t chain_ = kNone;
  bool fresh_ = true;
};

class NestedLoop final : public PairJoin {
 public:
  NestedLoop(const NestedLoopPlan& plan, ExecContext& context) : PairJoin(plan, context) {
    residual_null_drops_ = plan.null_aware;
  }

 protected:
  Status start_probe(const Batch&) override {
    left_row_ = 0;
    right_row_ = 0;
    return {};
  }
  bool collect() override {
    while (left_row_ < left_batch_.row_count) {
      while (right_row_ < right_rows_.size()) {
        left_pairs_.push_back(static_cast<std::uint16_t>(left_row_));
        right_pairs_.push_back(static_cast<std::uint32_t>(right_row_++));
        if (left_pairs_.size() == kBatchRows) return true;
      }
      right_row_ = 0;
      ++left_row_;
    }
    return false;
  }

 private:
  std::size_t left_row_ = 0;
  std::size_t right_row_ = 0;
};

class LateralJoin final : public Operator {
 public:
  LateralJoin(const LateralJoinPlan& plan, ExecContext& context)
      : plan_(plan), context_(context), left_(open(*plan.children[0], context)) {}

  Result<bool> next(Batch& out) override {
    for (;;) {
      LDB_TRY(context_.check_interrupt());
      if (right_ == nullptr) {
        if (row_ >= left_batch_.row_count) {
          LDB_ASSIGN_OR_RETURN(const bool more, left_->next(left_batch_));
          if (!more) return false;
          left_batch_.compact();
          row_ = 0;
        }
        LDB_TRY(start_row());
      }
      LDB_ASSIGN_OR_RETURN(const bool more, right_->next(right_batch_));
      if (!more) {
        right_ = nullptr;
        const std::size_t row = row_++;
        if (plan_.type == JoinType::kLeft && !matched_) {
          emit_unmatched(row, out);
          return true;
        }
        continue;
      }
      right_batch_.compact();
      const std::size_t left_width = left_batch_.columns.size();
      const std::vector<std::uint16_t> same(right_batch_.row_count, static_cast<std::uint16_t>(row_));
      out.columns.resize(left_width + right_batch_.columns.size());
      out.clear_selection();
      out.row_count = right_batch_.row_count;
      for (std::size_t i = 0; i < left_width; ++i) out.columns[i].gather(left_batch_.columns[i], same);
      for (std::size_t i = 0; i < right_batch_.columns.size(); ++i) out.columns[left_width + i] = right_batch_.columns[i];
      if (plan_.residual) LDB_TRY(filter(*plan_.residual, context_, out));
      if (out.selected_count() == 0) continue;
      matched_ = true;
      return true;
    }
  }

 private:
  Status start_row() {
    const auto index = static_cast<std::uint16_t>(row_);
    for (const OuterReference& reference : plan_.outer) {
      ColumnVector v;
      LDB_TRY(evaluate(*reference.value, left_batch_, RowSet::of(std::span<const std::uint16_t>(&index, 1)), context_, v));
      context_.set_slot(reference.slot, v.value(row_));
    }
    matched_ = false;
    right_ = open(*plan_.children[1], context_);
    return {};
  }

  void emit_unmatched(std::size_t row, Batch& out) {
    const std::size_t left_width = left_batch_.columns.size();
    const auto& right_types = plan_.children[1]->types;
    const std::vector<std::uint16_t> one(1, static_cast<std::uint16_t>(row));
    out.columns.resize(left_width + right_types.size());
    out.clear_selection();
    out.row_count = 1;
    for (std::size_t i = 0; i < left_width; ++i) out.columns[i].gather(left_batch_.columns[i], one);
    for (std::size_t i = 0; i < right_types.size(); ++i) {
      out.columns[left_width + i].reset(right_types[i], 1);
      out.columns[left_width + i].set_null(0);
    }
  }

  const LateralJoinPlan& plan_;
  ExecContext& context_;
  std::unique_ptr<Operator> left_;
  std::unique_ptr<Operator> right_;
  Batch left_batch_;
  Batch right_batch_;
  std::size_t row_ = 0;
  bool matched_ = false;
};

}  // namespace

std::string JoinPlan::type_name() const {
  switch (type) {
    case JoinType::kInner:
      return " Join";
    case JoinType::kLeft:
      return " Left Join";
    case JoinType::kRight:
      return " Right Join";
    case JoinType::kFull:
      return " Full Join";
    case JoinType::kSemi:
      return " Semi Join";
    case JoinType::kAnti:
      return " Anti Join";
  }
  return " Join";
}

std::vector<std::string> HashJoinPlan::details() const {
  std::string text;
  for (std::size_t i = 0; i < left_keys.size(); ++i) {
    if (!text.empty()) text += " AND ";
    text += "(" + to_string(*left_keys[i]) + " = " + to_string(*right_keys[i]) + ")";
  }
  std::vector<std::string> lines{"Hash Cond: " + text};
  if (residual) lines.push_back("Join Filter: " + to_string(*residual));
  return lines;
}

std::vector<std::string> NestedLoopPlan::details() const {
  if (!residual) return {};
  return {"Join Filter: " + to_string(*residual)};
}

std::unique_ptr<Operator> HashJoinPlan::make_operator(ExecContext& c) const { return std::make_unique<HashJoin>(*this, c); }
std::unique_ptr<Operator> NestedLoopPlan::make_operator(ExecContext& c) const { return std::make_unique<NestedLoop>(*this, c); }
std::unique_ptr<Operator> LateralJoinPlan::make_operator(ExecContext& c) const { return std::make_unique<LateralJoin>(*this, c); }

}  // namespace ldb::sql
