// The smallest Ceph that serves S3: one copy of everything, one placement group a pool, nothing outside the directory.

export interface CephPlace {
  readonly directory: string
  readonly cluster: string
  readonly monitorPort: number
  readonly port: number
}

export function cephSettings({ directory, cluster, monitorPort, port }: CephPlace): string {
  return `[global]
fsid = ${cluster}
mon host = [v2:127.0.0.1:${monitorPort}/0]
auth cluster required = none
auth service required = none
auth client required = none
# The gateway asks for an encrypted monitor connection by default, which does not exist without cephx.
ms mon client mode = crc
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail crit = 1
paxos propose interval = 0.01
run dir = ${directory}
admin socket = ${directory}/$name.sock
log file = ${directory}/$name.log
pid file = ${directory}/$name.pid
mon data = ${directory}/mon
osd data = ${directory}/osd
osd objectstore = memstore
memstore device bytes = 4294967296
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:${port}
rgw data = ${directory}/rgw
rgw thread pool size = 32
rgw enable gc threads = false
rgw enable lc threads = false
rgw run sync thread = false
`
}
