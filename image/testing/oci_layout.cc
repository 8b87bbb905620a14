#include "image/testing/oci_layout.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "image/sha256.h"
#include "image/testing/tar_builder.h"

namespace voidbox {

std::string HexOf(const std::string& data) { return HexDigest(Sha256Of(data)); }

std::string OciLayout::AddBlob(const std::string& data, const std::string& media_type,
                               const std::string& more) {
  files["blobs/sha256/" + HexOf(data)] = data;
  return absl::StrCat(R"({"mediaType":")", media_type, R"(","digest":"sha256:)", HexOf(data),
                      R"(","size":)", data.size(), more, "}");
}

std::string OciLayout::AddImage(const std::vector<std::string>& layers, const std::string& packing,
                                const std::string& architecture, const std::string& more) {
  std::vector<std::string> descriptors;
  descriptors.reserve(layers.size());
  for (const std::string& layer : layers) {
    descriptors.push_back(
        AddBlob(packing.empty() ? layer : Pack(layer, packing),
                "application/vnd.oci.image.layer.v1.tar" + (packing.empty() ? "" : "+" + packing)));
  }
  const std::string config =
      AddBlob(absl::StrCat(R"({"os":"linux","architecture":")", architecture,
                           R"(","config":{"Env":["A=b"],"Cmd":["/bin/sh"]}})"),
              "application/vnd.oci.image.config.v1+json");
  return AddBlob(absl::StrCat(R"({"schemaVersion":2,"config":)", config, R"(,"layers":[)",
                              absl::StrJoin(descriptors, ","), "]}"),
                 "application/vnd.oci.image.manifest.v1+json", more);
}

void OciLayout::SetIndex(const std::vector<std::string>& manifests) {
  files["index.json"] = IndexOf(manifests);
}

std::string OciLayout::IndexOf(const std::vector<std::string>& manifests) {
  return absl::StrCat(R"({"schemaVersion":2,"manifests":[)", absl::StrJoin(manifests, ","), "]}");
}

std::string OciLayout::Tar() const {
  TarBuilder tar;
  for (const auto& [path, data] : files) tar.Add({.name = path, .data = data});
  return tar.Finish();
}

OciLayout LayoutOf(const std::string& layer, const std::string& run) {
  OciLayout layout;
  const std::string config =
      layout.AddBlob(R"({"os":"linux","architecture":"amd64","config":)" + run + "}",
                     "application/vnd.oci.image.config.v1+json");
  layout.SetIndex(
      {layout.AddBlob(R"({"config":)" + config + R"(,"layers":[)" +
                          layout.AddBlob(layer, "application/vnd.oci.image.layer.v1.tar") + "]}",
                      "application/vnd.oci.image.manifest.v1+json")});
  layout.files["oci-layout"] = R"({"imageLayoutVersion":"1.0.0"})";
  return layout;
}

std::string DockerArchive(const std::string& config_name, const std::string& config,
                          const std::vector<std::string>& layers, const std::string& tag) {
  TarBuilder tar;
  std::vector<std::string> names;
  for (const std::string& layer : layers) {
    names.push_back(HexOf(layer) + ".tar.gz");
    tar.Add({.name = names.back(), .data = layer});
  }
  return tar.Add({.name = config_name, .data = config})
      .Add({.name = "manifest.json",
            .data = absl::StrCat(R"([{"Config":")", config_name, R"(","RepoTags":[")", tag,
                                 R"("],"Layers":[")", absl::StrJoin(names, R"(",")"), R"("]}])")})
      .Finish();
}

std::string DockerConfig(const std::vector<std::string>& unpacked, const std::string& os) {
  std::vector<std::string> ids;
  ids.reserve(unpacked.size());
  for (const std::string& layer : unpacked) ids.push_back("\"sha256:" + HexOf(layer) + "\"");
  return absl::StrCat(R"({"os":")", os, R"(","architecture":"amd64","config":{},)",
                      R"("rootfs":{"diff_ids":[)", absl::StrJoin(ids, ","), "]}}");
}

}  // namespace voidbox
