# All five images at once, for `docker buildx bake -f docker-bake.hcl`. In the registry, each image has
# the list of its packages and its build as attestations (SPDX and SLSA):
#
#   REGISTRY=registry.example.com/shop VERSION=0.1.0 REVISION=$(git rev-parse HEAD) docker buildx bake -f docker-bake.hcl --push
variable "REGISTRY" { default = "holdfast" }
variable "VERSION" { default = "0.1.0" }
variable "REVISION" { default = "unknown" }
variable "SOURCE" { default = "" }

group "default" {
  targets = ["image"]
}

target "image" {
  name       = image
  matrix     = { image = ["gateway", "users", "products", "orders", "migrations"] }
  target     = image
  dockerfile = "Containerfile"
  platforms  = ["linux/amd64", "linux/arm64"]
  args       = { VERSION = VERSION, REVISION = REVISION, SOURCE = SOURCE }
  tags       = ["${REGISTRY}/${image}:${VERSION}"]
  attest     = ["type=sbom", "type=provenance,mode=max"]
}
