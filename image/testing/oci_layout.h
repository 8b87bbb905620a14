#ifndef VOIDBOX_IMAGE_TESTING_OCI_LAYOUT_H_
#define VOIDBOX_IMAGE_TESTING_OCI_LAYOUT_H_

#include <map>
#include <string>
#include <vector>

namespace voidbox {

// The digits of a text's SHA-256.
std::string HexOf(const std::string& data);

// Makes OCI image layouts (image-spec, image-layout.md), odd ones too: files by path, to be written
// as a directory or as an archive.
class OciLayout {
 public:
  // Adds a blob and returns a descriptor of it, with more fields (",\"name\":...") when given.
  std::string AddBlob(const std::string& data, const std::string& media_type,
                      const std::string& more = "");
  // An image of layers in `packing` ("gzip", "zstd" or none); returns its descriptor.
  std::string AddImage(const std::vector<std::string>& layers, const std::string& packing = "",
                       const std::string& architecture = "amd64", const std::string& more = "");
  void SetIndex(const std::vector<std::string>& manifests);
  static std::string IndexOf(const std::vector<std::string>& manifests);
  std::string Tar() const;

  std::map<std::string, std::string> files;
};

// A container image of one layer. `run` is the JSON object that its config has about running it.
OciLayout LayoutOf(const std::string& layer, const std::string& run);

// An archive as Docker's tools without a daemon write it: manifest.json, a config of any name, and
// layers that may be packed.
std::string DockerArchive(const std::string& config_name, const std::string& config,
                          const std::vector<std::string>& layers, const std::string& tag);
// A config for layers that unpack to these.
std::string DockerConfig(const std::vector<std::string>& unpacked, const std::string& os = "linux");

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_TESTING_OCI_LAYOUT_H_
