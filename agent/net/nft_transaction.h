#ifndef VOIDBOX_AGENT_NET_NFT_TRANSACTION_H_
#define VOIDBOX_AGENT_NET_NFT_TRANSACTION_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "agent/net/ip_range.h"
#include "agent/net/netlink.h"

namespace voidbox {

// A set of addresses of one family, as intervals.
struct NftSet {
  std::string name;
  uint32_t id;  // of the set within its batch, not 0
  bool v4;
  std::vector<IpRange> ranges;  // merged
};

// Puts the objects of one table of the inet family into a batch that the kernel takes whole or not
// at all (linux/netfilter/nf_tables.h; the kernel's net/netfilter/nfnetlink.c).
class NftTransaction {
 public:
  explicit NftTransaction(std::string table);

  // The table, empty, whether it was there or not.
  void ReplaceTable();
  void AddSet(const NftSet& set);
  // A chain that every packet goes through that leaves the machine; what no rule decides is
  // dropped.
  void AddOutputChain(absl::string_view name);

  // One rule of a chain while it lives. Packets that pass all its conditions, in order, meet what
  // comes last.
  class Rule {
   public:
    Rule(NftTransaction& transaction, absl::string_view chain, absl::string_view what);
    Rule(const Rule&) = delete;
    Rule& operator=(const Rule&) = delete;

    // Conditions.
    Rule& IsFamily(bool v4);
    Rule& IsProtocol(uint8_t protocol);
    Rule& IsOfKnownConnection();  // established or related
    Rule& GoesTo(const IpRange& network);
    Rule& GoesTo(const NftSet& set);
    Rule& GoesOutside(const NftSet& set);
    Rule& IsIcmpV6Type(uint8_t type);
    // What to do.
    void Accept();
    void RejectWithReset();
    void RejectAsProhibited();

   private:
    class Expression;
    static NetlinkBatch& Begun(NftTransaction& transaction, absl::string_view chain,
                               absl::string_view what);
    void LoadDestination(bool v4);
    void Lookup(const NftSet& set, uint32_t flags);
    void Compare(uint32_t operation, absl::string_view value);

    NetlinkBatch& batch_;
    NetlinkBatch::Nest expressions_;
  };

  // The whole batch; the last call.
  const NetlinkBatch& Finish();

 private:
  void Begin(absl::string_view what, uint16_t type, uint16_t flags);
  void AddElements(const NftSet& set);

  const std::string table_;
  NetlinkBatch batch_;
};

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_NET_NFT_TRANSACTION_H_
