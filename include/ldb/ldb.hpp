// Everything an application needs: open a Node, run SQL, read and write pairs, start a local cluster.
//
//   auto node = ldb::Node::open({.directory = "data"}).value();
//   node->execute("CREATE TABLE t (id INT PRIMARY KEY, name TEXT)");
//
// Start reading at node.hpp and session.hpp; the interfaces that can be replaced are storage_engine.hpp, replicator.hpp,
// sql_frontend.hpp, partitioner.hpp, transport.hpp, clock.hpp, conflict_resolver.hpp, file_system.hpp, executor.hpp,
// log_sink.hpp.
#pragma once

#include "ldb/key_value.hpp"
#include "ldb/local_cluster.hpp"
#include "ldb/node.hpp"
#include "ldb/result_set.hpp"
#include "ldb/session.hpp"
#include "ldb/status.hpp"
#include "ldb/transaction.hpp"
#include "ldb/value.hpp"
#include "ldb/version.hpp"
