// Aggregates over pairs (y, x) of doubles: covariance, correlation and the least-squares line. States are those of Youngs and
// Cramer (1971), which PostgreSQL keeps too: sums, and sums of products of differences from the mean.
#include <cmath>
#include <optional>
#include <span>

#include "sql/expr/aggregate_states.hpp"
#include "sql/types/sql_error.hpp"

namespace ldb::sql {
namespace {

struct PairState {
  double n = 0;
  double x = 0, y = 0;            // sums
  double xx = 0, yy = 0, xy = 0;  // of differences from the means
};

bool is_wild(double v) { return std::isnan(v) || std::isinf(v); }

Status pairs_overflow() { return out_of_range("value out of range: overflow"); }

struct PairTraits {
  PairStatistic wanted;
  static constexpr bool kStrict = true;
  using State = PairState;

  Status update(State& s, std::span<const ColumnVector* const> arguments, std::size_t row) const {
    if (arguments[1]->is_null(row)) return {};
    const double y = arguments[0]->at<double>(row);
    const double x = arguments[1]->at<double>(row);
    State next = s;
    next.n += 1;
    next.x += x;
    next.y += y;
    if (s.n > 0) {
      const double dx = x * next.n - next.x;
      const double dy = y * next.n - next.y;
      const double scale = 1.0 / (next.n * s.n);
      next.xx += dx * dx * scale;
      next.yy += dy * dy * scale;
      next.xy += dx * dy * scale;
      if (std::isinf(next.x) || std::isinf(next.xx) || std::isinf(next.y) || std::isinf(next.yy) || std::isinf(next.xy)) {
        const bool x_is_finite = !std::isinf(s.x) && !std::isinf(x);
        const bool y_is_finite = !std::isinf(s.y) && !std::isinf(y);
        if (((std::isinf(next.x) || std::isinf(next.xx)) && x_is_finite) ||
            ((std::isinf(next.y) || std::isinf(next.yy)) && y_is_finite) || (std::isinf(next.xy) && x_is_finite && y_is_finite)) {
          return pairs_overflow();
        }
        spoil_infinite(next);
      }
    } else {
      if (is_wild(x)) next.xx = next.xy = std::nan("");
      if (is_wild(y)) next.yy = next.xy = std::nan("");
    }
    s = next;
    return {};
  }

  Status merge(State& s, const State& o) const {
    if (o.n == 0) return {};
    if (s.n == 0) {
      s = o;
      return {};
    }
    State sum;
    sum.n = s.n + o.n;
    sum.x = s.x + o.x;
    sum.y = s.y + o.y;
    const double dx = s.x / s.n - o.x / o.n;
    const double dy = s.y / s.n - o.y / o.n;
    const double weight = s.n * o.n / sum.n;
    sum.xx = s.xx + o.xx + weight * dx * dx;
    sum.yy = s.yy + o.yy + weight * dy * dy;
    sum.xy = s.xy + o.xy + weight * dx * dy;
    s = sum;
    return {};
  }

  Status finish(const State& s, ColumnVector& out, std::size_t i) const {
    if (wanted == PairStatistic::kCount) {
      out.data<std::int64_t>()[i] = static_cast<std::int64_t>(s.n);
      return {};
    }
    const auto value = result_of(s);
    if (value) {
      out.data<double>()[i] = *value;
    } else {
      out.set_null(i);
    }
    return {};
  }

  void save(const State& s, std::string& out) const {
    for (const double v : {s.n, s.x, s.y, s.xx, s.yy, s.xy}) put_double(out, v);
  }
  bool load(ByteReader& in, State& s) const {
    for (double* v : {&s.n, &s.x, &s.y, &s.xx, &s.yy, &s.xy}) {
      if (!get_double(in, *v)) return false;
    }
    return s.n >= 0;
  }
  std::size_t extra_bytes(const State&) const { return 0; }
  DataType result() const { return {wanted == PairStatistic::kCount ? TypeId::kBigInt : TypeId::kDouble}; }

 private:
  static void spoil_infinite(State& s) {
    for (double* v : {&s.xx, &s.yy, &s.xy}) {
      if (std::isinf(*v)) *v = std::nan("");
    }
  }

  std::optional<double> result_of(const State& s) const {
    if (s.n < 1) return std::nullopt;
    switch (wanted) {
      case PairStatistic::kCovarPop:
        return s.xy / s.n;
      case PairStatistic::kCovarSamp:
        return s.n < 2 ? std::nullopt : std::optional<double>(s.xy / (s.n - 1));
      case PairStatistic::kCorr:
        if (s.xx == 0 || s.yy == 0) return std::nullopt;
        return s.xy / std::sqrt(s.xx * s.yy);
      case PairStatistic::kR2:
        if (s.xx == 0) return std::nullopt;
        return s.yy == 0 ? 1.0 : s.xy * s.xy / (s.xx * s.yy);
      case PairStatistic::kSlope:
        return s.xx == 0 ? std::nullopt : std::optional<double>(s.xy / s.xx);
      case PairStatistic::kIntercept:
        return s.xx == 0 ? std::nullopt : std::optional<double>((s.y - s.x * s.xy / s.xx) / s.n);
      case PairStatistic::kAvgX:
        return s.x / s.n;
      case PairStatistic::kAvgY:
        return s.y / s.n;
      case PairStatistic::kSxx:
        return s.xx;
      case PairStatistic::kSyy:
        return s.yy;
      case PairStatistic::kSxy:
        return s.xy;
      case PairStatistic::kCount:
        break;
    }
    return s.n;
  }
};

template <PairStatistic kWanted>
std::unique_ptr<AggregateStates> make(TypeId) {
  return std::make_unique<GroupStates<PairTraits>>(PairTraits{kWanted});
}

}  // namespace

std::span<const PairAggregate> pair_aggregates() {
  using S = PairStatistic;
  static constexpr PairAggregate kAll[] = {
      {"covar_pop", make<S::kCovarPop>}, {"covar_samp", make<S::kCovarSamp>}, {"corr", make<S::kCorr>},
      {"regr_r2", make<S::kR2>},         {"regr_slope", make<S::kSlope>},     {"regr_intercept", make<S::kIntercept>},
      {"regr_avgx", make<S::kAvgX>},     {"regr_avgy", make<S::kAvgY>},       {"regr_sxx", make<S::kSxx>},
      {"regr_syy", make<S::kSyy>},       {"regr_sxy", make<S::kSxy>},         {"regr_count", make<S::kCount>},
  };
  return kAll;
}

}  // namespace ldb::sql
