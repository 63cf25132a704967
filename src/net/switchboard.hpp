// Transports within one process: mailboxes, and a switchboard that decides what becomes of every message between them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/rt/rt.hpp"
#include "ldb/transport.hpp"
#include "net/mailbox.hpp"

namespace ldb::net {

/// Shared by its transports and by answers under way, so that these may outlive the network object. Any thread.
class Switchboard : public std::enable_shared_from_this<Switchboard> {
 public:
  virtual ~Switchboard() = default;

  std::unique_ptr<Transport> new_transport();

  Status add(const std::shared_ptr<Mailbox>& box);
  /// Ends the calls that others have open to it.
  void remove(const Mailbox& box);
  /// remove() without telling anybody. False when it was not there.
  bool forget(const Mailbox& box);
  std::shared_ptr<Mailbox> find(const std::string& address) const;
  /// The running mailbox of a node; null when there is none.
  std::shared_ptr<Mailbox> find_node(const NodeId& node) const;

  /// Sends a request; whatever goes wrong ends the call `request.call` of `from`.
  void send_request(const std::shared_ptr<Mailbox>& from, const PeerAddress& to, Envelope request);
  void send_answer(const Mailbox& from, const std::shared_ptr<Mailbox>& to, Envelope answer);

 protected:
  /// What becomes of one message.
  struct Route {
    Status status;                        ///< not ok: the call fails with it...
    std::int64_t fails_after_ns = 0;      ///< ... after this time
    std::vector<std::int64_t> delays_ns;  ///< when each copy arrives; none: lost without a word
  };
  virtual Route route(const NodeId& from, const NodeId& to, const Envelope& envelope) = 0;
  /// A request to a node that does not run.
  virtual Route route_to_nobody(const NodeId& from, const PeerAddress& to) = 0;

 private:
  mutable rt::Mutex mutex_;
  std::map<std::string, std::shared_ptr<Mailbox>> boxes_ LDB_GUARDED_BY(mutex_);  // by address
};

}  // namespace ldb::net
