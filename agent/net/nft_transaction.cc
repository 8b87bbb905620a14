#include "agent/net/nft_transaction.h"

#include <arpa/inet.h>
#include <linux/icmpv6.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"

namespace voidbox {
namespace {

// What a register holds; the kernel looks at no type, `nft list` prints by it (libnftables'
// datatypes).
constexpr uint32_t kTypeIpv4 = 7;
constexpr uint32_t kTypeIpv6 = 8;
// Offsets of the destination address (RFC 791 §3.1, RFC 8200 §3).
constexpr uint32_t kIpv4Destination = 16;
constexpr uint32_t kIpv6Destination = 24;
// Filters run at this priority (NF_IP_PRI_FILTER), after connection tracking.
constexpr uint32_t kFilterPriority = 0;
// An attribute holds less than 64 KiB; an interval of IPv6 takes some 80 bytes.
constexpr size_t kRangesPerMessage = 512;
constexpr uint32_t kRegister = NFT_REG_1;

uint16_t MessageType(uint16_t type) { return NFNL_SUBSYS_NFTABLES << 8 | type; }

void PutHeader(NetlinkBatch& batch, uint8_t family, uint16_t resource) {
  batch.Header(
      nfgenmsg{.nfgen_family = family, .version = NFNETLINK_V0, .res_id = ::htons(resource)});
}

void PutElement(NetlinkBatch& batch, const IpAddress& key, uint32_t flags) {
  NetlinkBatch::Nest element(batch, NFTA_LIST_ELEM);
  {
    NetlinkBatch::Nest data(batch, NFTA_SET_ELEM_KEY);
    batch.Attribute(NFTA_DATA_VALUE, key.bytes);
  }
  if (flags != 0) batch.BigEndian32(NFTA_SET_ELEM_FLAGS, flags);
}

}  // namespace

NftTransaction::NftTransaction(std::string table) : table_(std::move(table)) {
  batch_.Begin("nf_tables batch", NFNL_MSG_BATCH_BEGIN, 0);
  PutHeader(batch_, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
}

const NetlinkBatch& NftTransaction::Finish() {
  batch_.Begin("nf_tables batch", NFNL_MSG_BATCH_END, 0);
  PutHeader(batch_, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
  return batch_;
}

void NftTransaction::Begin(absl::string_view what, uint16_t type, uint16_t flags) {
  batch_.Begin(absl::StrCat("nf_tables: ", what), MessageType(type), flags | NLM_F_ACK);
  PutHeader(batch_, NFPROTO_INET, 0);
}

void NftTransaction::ReplaceTable() {
  const std::string what = absl::StrCat("table ", table_);
  // One that is not there cannot be deleted.
  Begin(what, NFT_MSG_NEWTABLE, NLM_F_CREATE);
  batch_.Text(NFTA_TABLE_NAME, table_);
  Begin(what, NFT_MSG_DELTABLE, 0);
  batch_.Text(NFTA_TABLE_NAME, table_);
  Begin(what, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
  batch_.Text(NFTA_TABLE_NAME, table_);
}

void NftTransaction::AddSet(const NftSet& set) {
  Begin(absl::StrCat("set ", set.name), NFT_MSG_NEWSET, NLM_F_CREATE);
  batch_.Text(NFTA_SET_TABLE, table_);
  batch_.Text(NFTA_SET_NAME, set.name);
  batch_.BigEndian32(NFTA_SET_FLAGS, NFT_SET_INTERVAL);
  batch_.BigEndian32(NFTA_SET_KEY_TYPE, set.v4 ? kTypeIpv4 : kTypeIpv6);
  batch_.BigEndian32(NFTA_SET_KEY_LEN, set.v4 ? sizeof(in_addr) : sizeof(in6_addr));
  batch_.BigEndian32(NFTA_SET_ID, set.id);
  AddElements(set);
}

void NftTransaction::AddElements(const NftSet& set) {
  for (size_t i = 0; i < set.ranges.size();) {
    Begin(absl::StrCat("elements of set ", set.name), NFT_MSG_NEWSETELEM, NLM_F_CREATE);
    batch_.Text(NFTA_SET_ELEM_LIST_TABLE, table_);
    batch_.Text(NFTA_SET_ELEM_LIST_SET, set.name);
    batch_.BigEndian32(NFTA_SET_ELEM_LIST_SET_ID, set.id);
    NetlinkBatch::Nest elements(batch_, NFTA_SET_ELEM_LIST_ELEMENTS);
    const size_t end = std::min(set.ranges.size(), i + kRangesPerMessage);
    for (; i < end; ++i) {
      PutElement(batch_, set.ranges[i].first, 0);
      // An interval ends before the next element; one that nothing follows needs none.
      const IpAddress next = Next(set.ranges[i].last);
      if (!next.bytes.empty()) PutElement(batch_, next, NFT_SET_ELEM_INTERVAL_END);
    }
  }
}

void NftTransaction::AddOutputChain(absl::string_view name) {
  Begin(absl::StrCat("chain ", name), NFT_MSG_NEWCHAIN, NLM_F_CREATE);
  batch_.Text(NFTA_CHAIN_TABLE, table_);
  batch_.Text(NFTA_CHAIN_NAME, name);
  batch_.Text(NFTA_CHAIN_TYPE, "filter");
  batch_.BigEndian32(NFTA_CHAIN_POLICY, NF_DROP);
  NetlinkBatch::Nest hook(batch_, NFTA_CHAIN_HOOK);
  batch_.BigEndian32(NFTA_HOOK_HOOKNUM, NF_INET_LOCAL_OUT);
  batch_.BigEndian32(NFTA_HOOK_PRIORITY, kFilterPriority);
}

// An expression's name and, while it lives, its attributes.
class NftTransaction::Rule::Expression {
 public:
  Expression(NetlinkBatch& batch, absl::string_view name)
      : element_(batch, NFTA_LIST_ELEM), data_(Named(batch, name), NFTA_EXPR_DATA) {}

 private:
  static NetlinkBatch& Named(NetlinkBatch& batch, absl::string_view name) {
    batch.Text(NFTA_EXPR_NAME, name);
    return batch;
  }
  NetlinkBatch::Nest element_;
  NetlinkBatch::Nest data_;
};

NetlinkBatch& NftTransaction::Rule::Begun(NftTransaction& transaction, absl::string_view chain,
                                          absl::string_view what) {
  transaction.Begin(absl::StrCat("rule for ", what), NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
  transaction.batch_.Text(NFTA_RULE_TABLE, transaction.table_);
  transaction.batch_.Text(NFTA_RULE_CHAIN, chain);
  return transaction.batch_;
}

NftTransaction::Rule::Rule(NftTransaction& transaction, absl::string_view chain,
                           absl::string_view what)
    : batch_(Begun(transaction, chain, what)), expressions_(batch_, NFTA_RULE_EXPRESSIONS) {}

void NftTransaction::Rule::Compare(uint32_t operation, absl::string_view value) {
  Expression cmp(batch_, "cmp");
  batch_.BigEndian32(NFTA_CMP_SREG, kRegister);
  batch_.BigEndian32(NFTA_CMP_OP, operation);
  NetlinkBatch::Nest data(batch_, NFTA_CMP_DATA);
  batch_.Attribute(NFTA_DATA_VALUE, value);
}

NftTransaction::Rule& NftTransaction::Rule::IsFamily(bool v4) {
  {
    Expression meta(batch_, "meta");
    batch_.BigEndian32(NFTA_META_KEY, NFT_META_NFPROTO);
    batch_.BigEndian32(NFTA_META_DREG, kRegister);
  }
  const char family = v4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
  Compare(NFT_CMP_EQ, {&family, 1});
  return *this;
}

NftTransaction::Rule& NftTransaction::Rule::IsProtocol(uint8_t protocol) {
  {
    Expression meta(batch_, "meta");
    batch_.BigEndian32(NFTA_META_KEY, NFT_META_L4PROTO);
    batch_.BigEndian32(NFTA_META_DREG, kRegister);
  }
  const char value = static_cast<char>(protocol);
  Compare(NFT_CMP_EQ, {&value, 1});
  return *this;
}

NftTransaction::Rule& NftTransaction::Rule::IsOfKnownConnection() {
  {
    Expression ct(batch_, "ct");
    batch_.BigEndian32(NFTA_CT_KEY, NFT_CT_STATE);
    batch_.BigEndian32(NFTA_CT_DREG, kRegister);
  }
  const uint32_t states =
      NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED);  // machine's byte order
  const std::array<uint32_t, 1> mask = {states};
  const std::string zero(sizeof(states), '\0');
  const absl::string_view mask_bytes(static_cast<const char*>(static_cast<const void*>(&mask)),
                                     sizeof(mask));
  {
    Expression bitwise(batch_, "bitwise");
    batch_.BigEndian32(NFTA_BITWISE_SREG, kRegister);
    batch_.BigEndian32(NFTA_BITWISE_DREG, kRegister);
    batch_.BigEndian32(NFTA_BITWISE_LEN, sizeof(states));
    {
      NetlinkBatch::Nest data(batch_, NFTA_BITWISE_MASK);
      batch_.Attribute(NFTA_DATA_VALUE, mask_bytes);
    }
    NetlinkBatch::Nest data(batch_, NFTA_BITWISE_XOR);
    batch_.Attribute(NFTA_DATA_VALUE, zero);
  }
  Compare(NFT_CMP_NEQ, zero);
  return *this;
}

void NftTransaction::Rule::LoadDestination(bool v4) {
  IsFamily(v4);
  Expression payload(batch_, "payload");
  batch_.BigEndian32(NFTA_PAYLOAD_DREG, kRegister);
  batch_.BigEndian32(NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
  batch_.BigEndian32(NFTA_PAYLOAD_OFFSET, v4 ? kIpv4Destination : kIpv6Destination);
  batch_.BigEndian32(NFTA_PAYLOAD_LEN, v4 ? sizeof(in_addr) : sizeof(in6_addr));
}

NftTransaction::Rule& NftTransaction::Rule::GoesTo(const IpRange& network) {
  LoadDestination(network.first.is_v4());
  Compare(NFT_CMP_GTE, network.first.bytes);
  Compare(NFT_CMP_LTE, network.last.bytes);
  return *this;
}

void NftTransaction::Rule::Lookup(const NftSet& set, uint32_t flags) {
  LoadDestination(set.v4);
  Expression lookup(batch_, "lookup");
  batch_.Text(NFTA_LOOKUP_SET, set.name);
  batch_.BigEndian32(NFTA_LOOKUP_SET_ID, set.id);
  batch_.BigEndian32(NFTA_LOOKUP_SREG, kRegister);
  batch_.BigEndian32(NFTA_LOOKUP_FLAGS, flags);
}

NftTransaction::Rule& NftTransaction::Rule::GoesTo(const NftSet& set) {
  Lookup(set, 0);
  return *this;
}

NftTransaction::Rule& NftTransaction::Rule::GoesOutside(const NftSet& set) {
  Lookup(set, NFT_LOOKUP_F_INV);
  return *this;
}

NftTransaction::Rule& NftTransaction::Rule::IsIcmpV6Type(uint8_t type) {
  IsFamily(/*v4=*/false);
  IsProtocol(IPPROTO_ICMPV6);
  {
    Expression payload(batch_, "payload");
    batch_.BigEndian32(NFTA_PAYLOAD_DREG, kRegister);
    batch_.BigEndian32(NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
    batch_.BigEndian32(NFTA_PAYLOAD_OFFSET, offsetof(icmp6hdr, icmp6_type));
    batch_.BigEndian32(NFTA_PAYLOAD_LEN, sizeof(type));
  }
  const char value = static_cast<char>(type);
  Compare(NFT_CMP_EQ, {&value, 1});
  return *this;
}

void NftTransaction::Rule::Accept() {
  Expression immediate(batch_, "immediate");
  batch_.BigEndian32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
  NetlinkBatch::Nest data(batch_, NFTA_IMMEDIATE_DATA);
  NetlinkBatch::Nest verdict(batch_, NFTA_DATA_VERDICT);
  batch_.BigEndian32(NFTA_VERDICT_CODE, NF_ACCEPT);
}

void NftTransaction::Rule::RejectWithReset() {
  IsProtocol(IPPROTO_TCP);
  Expression reject(batch_, "reject");
  batch_.BigEndian32(NFTA_REJECT_TYPE, NFT_REJECT_TCP_RST);
}

void NftTransaction::Rule::RejectAsProhibited() {
  Expression reject(batch_, "reject");
  batch_.BigEndian32(NFTA_REJECT_TYPE, NFT_REJECT_ICMPX_UNREACH);
  batch_.Value(NFTA_REJECT_ICMP_CODE, static_cast<uint8_t>(NFT_REJECT_ICMPX_ADMIN_PROHIBITED));
}

}  // namespace voidbox
