// LogIndex, PeerMarkers, OriginIdentity, Complaints, DebtReview, FailureDetector, Backoff: stepped by hand.
#include <catch2/catch.hpp>

#include "base/random.hpp"
#include "replication/protocol/complaints.hpp"
#include "replication/protocol/debt_review.hpp"
#include "replication/protocol/failure_detector.hpp"
#include "replication/protocol/log_index.hpp"
#include "replication/protocol/origin_identity.hpp"
#include "replication/protocol/peer_markers.hpp"

using namespace ldb;
using namespace ldb::replication;

namespace {

VersionVector vector_of(std::initializer_list<std::pair<std::uint64_t, std::uint64_t>> entries) {
  VersionVector vector;
  for (const auto& [origin, sequence] : entries) vector.set({origin}, {sequence, {sequence * 10}, 0});
  return vector;
}

const std::vector<NodeId> kTwo = {{"a"}, {"b"}};
const std::vector<NodeId> kThree = {{"a"}, {"b"}, {"c"}};

/// Commits 1..n of origin 1, one position each.
void pass(LogIndex& index, std::uint64_t from, std::uint64_t to, std::size_t size = 100) {
  for (std::uint64_t n = from; n <= to; ++n) index.passed({1, n - 1}, {1, n}, {{1}, n}, {n}, size);
}

}  // namespace

TEST_CASE("A log index starts a receiver at the last checkpoint that it covers") {
  LogIndex index({1, 0}, {}, 300);
  pass(index, 1, 10);  // checkpoints behind 3, 6, 9
  CHECK(index.start_for({})->position == LogPosition{1, 0});
  CHECK(index.start_for(vector_of({{1, 5}}))->position == LogPosition{1, 3});
  CHECK(index.start_for(vector_of({{1, 6}}))->position == LogPosition{1, 6});
  CHECK(index.start_for(vector_of({{1, 10}}))->position == LogPosition{1, 10});
}

TEST_CASE("A log index is extended only by a reader at its end") {
  LogIndex index({1, 0}, {}, 100);
  index.passed({1, 5}, {1, 6}, {{1}, 6}, {6}, 1000);
  CHECK(index.start_for(vector_of({{1, 100}}))->position == LogPosition{1, 0});
}

TEST_CASE("A log index releases up to the last checkpoint that everybody is past") {
  LogIndex index({1, 0}, {}, 300);
  pass(index, 1, 10);
  CHECK_FALSE(index.releasable(vector_of({{1, 2}})));
  const auto checkpoint = index.releasable(vector_of({{1, 8}}));
  REQUIRE(checkpoint);
  CHECK(checkpoint->position == LogPosition{1, 6});
  CHECK(index.drop_before(checkpoint->position));
  CHECK(index.start().get({1}).sequence == 6);
  CHECK_FALSE(index.start_for(vector_of({{1, 5}})));
  CHECK_FALSE(index.releasable(vector_of({{1, 8}})));
}

TEST_CASE("A log index that lost its beginning goes on from a later checkpoint, or says that it cannot") {
  LogIndex index({1, 0}, {}, 300);
  pass(index, 1, 10);
  CHECK(index.drop_before({1, 7}));
  CHECK(index.begin() == LogPosition{1, 9});
  CHECK(index.drop_before({1, 10}));  // the end of what is indexed
  CHECK(index.start().get({1}).sequence == 10);
  CHECK_FALSE(index.drop_before({2, 0}));
}

TEST_CASE("What a whole-state copy brought is required of every receiver of the log") {
  LogIndex index({1, 0}, {}, 300);
  pass(index, 1, 10);
  index.require(vector_of({{2, 50}}));
  CHECK_FALSE(index.start_for(vector_of({{1, 10}, {2, 49}})));
  CHECK(index.start_for(vector_of({{1, 7}, {2, 50}}))->position == LogPosition{1, 6});
}

TEST_CASE("A log index stays small") {
  LogIndex index({1, 0}, {}, 1, 8);
  pass(index, 1, 10'000);
  const auto start = index.start_for(vector_of({{1, 9'000}}));
  REQUIRE(start);
  CHECK(start->before.get({1}).sequence <= 9'000);
  CHECK(start->before.get({1}).sequence > 4'000);
}

TEST_CASE("Nothing is stable before every member's marker has become valid") {
  PeerMarkers markers;
  markers.set_members(kThree, {"a"});
  const VersionVector applied = vector_of({{1, 10}, {2, 5}, {3, 5}});
  CHECK_FALSE(markers.stable(applied));
  markers.offer({"b"}, {{2}, 5, vector_of({{1, 8}, {2, 5}})}, kThree);
  CHECK_FALSE(markers.stable(applied));
  markers.offer({"c"}, {{3}, 6, vector_of({{1, 7}, {2, 5}, {3, 6}})}, kThree);
  CHECK_FALSE(markers.stable(applied));  // commit 6 of origin 3 has not arrived
  const auto stable = markers.stable(vector_of({{1, 10}, {2, 5}, {3, 6}}));
  REQUIRE(stable);
  CHECK(stable->get({1}).sequence == 7);
  CHECK(stable->get({2}).sequence == 5);
  CHECK(stable->get({3}).sequence == 0);  // b has not seen it
}

TEST_CASE("A marker waits for all that its member had applied, of former streams too") {
  PeerMarkers markers;
  markers.set_members(kTwo, {"a"});
  markers.offer({"b"}, {{2}, 0, vector_of({{1, 8}, {3, 9}})}, kTwo);  // 3: a stream that b ended
  CHECK_FALSE(markers.stable(vector_of({{1, 8}, {3, 8}})));
  const auto stable = markers.stable(vector_of({{1, 9}, {3, 9}, {4, 1}}));
  REQUIRE(stable);
  CHECK(*stable == vector_of({{1, 8}, {3, 9}}));
}

TEST_CASE("A member with another list of members holds everything back") {
  PeerMarkers markers;
  markers.set_members(kTwo, {"a"});
  markers.offer({"b"}, {{2}, 0, vector_of({{1, 8}})}, kThree);
  CHECK_FALSE(markers.stable(vector_of({{1, 9}})));
  markers.offer({"b"}, {{2}, 0, vector_of({{1, 8}})}, kTwo);
  CHECK(markers.stable(vector_of({{1, 9}})));
  markers.set_members(kThree, {"a"});
  CHECK_FALSE(markers.stable(vector_of({{1, 9}})));
}

TEST_CASE("A stream that always runs ahead of its markers still moves them") {
  PeerMarkers markers;
  markers.set_members(kTwo, {"a"});
  for (std::uint64_t n = 1; n <= 100; ++n) {
    markers.offer({"b"}, {{2}, n + 5, vector_of({{1, n}})}, kTwo);
    markers.stable(vector_of({{1, 1000}, {2, n}}));
  }
  const auto stable = markers.stable(vector_of({{1, 1000}, {2, 100}}));
  REQUIRE(stable);
  CHECK(stable->get({1}).sequence > 80);
}

TEST_CASE("A restarted member's old markers do not count") {
  PeerMarkers markers;
  markers.set_members(kTwo, {"a"});
  markers.offer({"b"}, {{2}, 0, vector_of({{1, 8}})}, kTwo);
  CHECK(markers.stable(vector_of({{1, 9}})));
  markers.forget({"b"});
  CHECK_FALSE(markers.stable(vector_of({{1, 9}})));
  markers.offer({"unknown"}, {{2}, 0, vector_of({{1, 8}})}, kTwo);
  CHECK_FALSE(markers.stable(vector_of({{1, 9}})));
}

TEST_CASE("What all members have together is known after two rounds of answers") {
  const std::vector<NodeId> others{{"b"}, {"c"}};
  DebtReview review;
  CHECK_FALSE(review.heard({"b"}, vector_of({{1, 9}}), others));  // does not count: c may have lost what b gave it
  CHECK_FALSE(review.heard({"b"}, vector_of({{1, 9}}), others));
  CHECK_FALSE(review.heard({"stranger"}, vector_of({{7, 9}}), others));
  CHECK_FALSE(review.heard({"c"}, vector_of({{1, 3}}), others));
  CHECK_FALSE(review.heard({"c"}, vector_of({{1, 4}, {2, 2}}), others));
  const auto held = review.heard({"b"}, vector_of({{1, 5}}), others);
  REQUIRE(held);
  CHECK(*held == vector_of({{1, 5}, {2, 2}}));
  CHECK_FALSE(review.heard({"c"}, vector_of({{2, 2}}), others));
  CHECK_FALSE(review.heard({"b"}, {}, others));
  CHECK_FALSE(review.heard({"b"}, vector_of({{1, 1}}), others));
  review.begin();  // what is asked for has changed
  CHECK_FALSE(review.heard({"c"}, {}, others));
  CHECK_FALSE(review.heard({"b"}, {}, others));
  CHECK_FALSE(review.heard({"b"}, {}, others));
  CHECK(review.heard({"c"}, vector_of({{3, 1}}), others) == vector_of({{3, 1}}));
}

TEST_CASE("A stream may go on when all members confirm it, when nobody can know it, or when there never were members") {
  CHECK(OriginIdentity(true, true).verified());
  CHECK(OriginIdentity(false, false).verified());
  CHECK_FALSE(OriginIdentity(false, true).verified());
  OriginIdentity identity(false, true);
  identity.add_member({"b"});
  identity.add_member({"c"});
  CHECK_FALSE(identity.settled());
  CHECK(identity.heard({"b"}, 5, 5));
  CHECK_FALSE(identity.verified());
  identity.unreachable({"c"});
  CHECK(identity.settled());
  CHECK_FALSE(identity.verified());
  identity.unreachable({"b"});  // it has been heard already
  CHECK(identity.heard({"c"}, 4, 5));
  CHECK(identity.verified());
  CHECK_FALSE(identity.heard({"c"}, 6, 5));
  identity.add_member({"d"});
  CHECK_FALSE(identity.verified());
  identity.drew_new_origin();
  CHECK(identity.verified());
}

TEST_CASE("A clock complaint holds until withdrawn, expired, or outvoted") {
  const OriginId own{1};
  Complaints complaints(1000);
  const Complaint clock{Complaint::Kind::kClockRefused, own, "ahead"};
  complaints.said({"b"}, clock, own, 0);
  CHECK_FALSE(complaints.refusal(1, 10).empty());
  CHECK(complaints.refusal(2, 10).empty());  // one of two
  complaints.said({"c"}, clock, own, 0);
  CHECK_FALSE(complaints.refusal(2, 10).empty());
  complaints.said({"c"}, {}, own, 10);
  CHECK(complaints.refusal(2, 10).empty());
  CHECK_FALSE(complaints.refusal(1, 1000).empty());
  CHECK(complaints.refusal(1, 1001).empty());
  CHECK_FALSE(complaints.any());
  complaints.said({"b"}, {Complaint::Kind::kClockRefused, {2}, "ahead"}, own, 0);  // of somebody else's commits
  CHECK(complaints.refusal(1, 10).empty());
  complaints.said({"b"}, {Complaint::Kind::kFork, own, "commit 7"}, own, 0);
  complaints.said({"b"}, {}, own, 10);
  CHECK(complaints.refusal(5, 1'000'000).find("commit 7") != std::string::npos);
}

TEST_CASE("A peer is reachable while its answers are young and none failed since") {
  FailureDetector detector(100);
  CHECK_FALSE(detector.reachable(0));
  detector.answered(10);
  CHECK(detector.reachable(110));
  CHECK_FALSE(detector.reachable(111));
  detector.failed();
  CHECK_FALSE(detector.reachable(20));
  detector.answered(30);
  CHECK(detector.reachable(40));
}

TEST_CASE("A backoff doubles up to its bound and starts over") {
  Backoff backoff(10, 35);
  CHECK(backoff.next() == 10);
  CHECK(backoff.next() == 20);
  CHECK(backoff.next() == 35);
  CHECK(backoff.next() == 35);
  backoff.reset();
  CHECK(backoff.next() == 10);
}
