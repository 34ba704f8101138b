# A VM in the remote cloud, made with Terraform's OpenNebula provider.
# Run it on the front-end as oneadmin: "one2one wait" and "one2one ssh" read the hybrid host.
#
#   export OPENNEBULA_ENDPOINT=http://localhost:2633/RPC2 OPENNEBULA_USERNAME=ann OPENNEBULA_PASSWORD=…
#   terraform init
#   terraform apply -var template=web

terraform {
  required_providers {
    opennebula = {
      source  = "OpenNebula/opennebula"
      version = "~> 1.4"
    }
  }
}

variable "template" {
  type        = string
  description = "A local template for the remote cloud: one2one template sync makes them."
}

variable "name" {
  type    = string
  default = "shop"
}

provider "opennebula" {}

data "opennebula_template" "remote" {
  name = var.template
}

resource "opennebula_virtual_machine" "shop" {
  name        = var.name
  template_id = data.opennebula_template.remote.id

  # OpenNebula calls the VM RUNNING when the remote cloud has accepted it. This waits for the remote.
  provisioner "local-exec" {
    command = "one2one wait ${self.id} --for running --remote --timeout 900"
  }

  # The VM has no NIC here, so the provider's "ip" is empty. The address is the remote VM's.
  provisioner "local-exec" {
    command = "one2one ssh ${self.id} --print"
  }
}

output "vm" {
  value = opennebula_virtual_machine.shop.id
}
